"""The program as a user runs it: a process of its own, what it says, what it writes, and what it leaves behind."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from loadlab.report import render
from loadlab.results.directory import RunDirectory

DEADLINE_SECONDS: Final = 60.0
# For tests that are about something else: where the hypervisor takes CPU time away, any trial is invalid.
ANY_VERDICT: Final = "--accept-invalid"
_DRIVER: Final = Path(__file__).with_name("driver.py")
_MARK: Final = "LOADLAB_TEST_MARK"

QUICK: Final = """\
name: quick
target: {server: epoll}
load: {connections: 4, idle: 0, warmup: 50ms, duration: 200ms, timeout: 2s}
"""


def set_each(*settings: str) -> list[str]:
    """Return the arguments that change a profile by these settings, each `KEY=VALUE`."""
    return [word for each in settings for word in ("--set", each)]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended, and what it said."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Program:
    """The program in a directory of its own. Every process that it starts carries a mark by which it is found.

    It is started in `current` (None: where the tests are), with `settings` added to its environment.
    """

    directory: Path
    driver: tuple[str, ...] = ()
    current: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def reports(self) -> Path:
        """Where `measure` has the run directory made."""
        return self.directory / "reports"

    @property
    def environment(self) -> dict[str, str]:
        """What the program and all its children have in their environment."""
        plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        return {**plain, _MARK: self.mark, "TERM": "xterm", **self.settings}

    def driven(self, *how: str) -> "Program":
        """Return the program changed by the options of driver.py."""
        return replace(self, driver=(*self.driver, *how))

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of the program."""
        if self.driver:
            return [sys.executable, str(_DRIVER), *self.driver, "--", *arguments]
        return [sys.executable, "-P", "-m", "loadlab", *arguments]  # as the command does, which is a script elsewhere

    def measure_arguments(self, profile: str, *arguments: str) -> list[str]:
        """Return the arguments of `loadlab run` for the profile of that text, without the calibration before it.

        What a busy machine spoils is not measured again.
        """
        path = self.directory / "profile.yaml"
        path.write_text(profile)
        once = () if "\nkind:" in profile else ("--set", "retries=0")
        return ["run", str(path), "--out", str(self.reports), "--no-calibrate", *once, *arguments]

    def run(self, *arguments: str, limits: Mapping[int, int] | None = None) -> Ended:
        """Run the program to its end, with these resource limits: it shows no traceback and leaves no process."""
        with self.started(*arguments, limits=limits) as process:
            return self.finish(process)

    def measure(self, profile: str, *arguments: str, limits: Mapping[int, int] | None = None) -> Ended:
        """Run a profile to its end."""
        return self.run(*self.measure_arguments(profile, *arguments), limits=limits)

    @contextmanager
    def started(self, *arguments: str, limits: Mapping[int, int] | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start the program, its output in pipes; after the block it has ended, if need be by SIGKILL."""

        def as_from_a_terminal() -> None:
            # What starts the tests in the background may have had Ctrl-C ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            for kind, value in (limits or {}).items():
                resource.setrlimit(kind, (value, value))

        process = subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.current,
            env=self.environment,
            preexec_fn=as_from_a_terminal,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def finish(self, process: subprocess.Popen[str]) -> Ended:
        """Wait for the end of a program that was started; the same is true of it as of `run`."""
        stdout, stderr = process.communicate(timeout=DEADLINE_SECONDS)
        self.check_nothing_left()
        assert "Traceback" not in stderr, stderr
        return Ended(process.returncode, stdout, stderr)

    def processes(self) -> dict[int, str]:
        """Return {pid: command line} of all that runs of the program."""
        mark = f"{_MARK}={self.mark}".encode()
        found = {}
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it has ended meanwhile
        return found

    def pids_of(self, part: str) -> list[int]:
        """Return the processes of the program with that in their command line."""
        return [pid for pid, command in self.processes().items() if part in command]

    def check_nothing_left(self) -> None:
        """Check that no process of the program goes on; what was killed may take a moment to go."""
        wait_until(lambda: not self.processes(), lambda: f"still there: {self.processes()}")

    def run_directory(self) -> Path:
        """Return the one run directory that was made."""
        (directory,) = self.reports.iterdir()
        return directory

    def document(self) -> dict[str, Any]:
        """Return run.json as any tool would read it, after checking that no half-written file lies about."""
        directory = self.run_directory()
        assert not list(directory.rglob("*.unfinished"))
        document: dict[str, Any] = json.loads((directory / "run.json").read_text())
        return document

    def check_drawable(self) -> None:
        """Check that the run can be drawn again, as `loadlab report` does it."""
        page = render(RunDirectory.open(self.run_directory()))
        assert page.rstrip().endswith("</html>")


def wait_until(condition: Callable[[], bool], explain: Callable[[], str] = lambda: "it did not happen in time") -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.01)
