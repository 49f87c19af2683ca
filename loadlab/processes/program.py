"""A program of the user's with all that it starts, under a guard that ends them all (`loadlab.processes.guard`)."""

import contextlib
import errno
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from loadlab.errors import LoadlabError
from loadlab.processes.child import Child, module_command, spawn
from loadlab.processes.family import list_family
from loadlab.processes.guard import GuardedProgram
from loadlab.processes.proc import read_stat

_READ_BYTES: Final = 1 << 16
_START_SECONDS: Final = 30.0
_SLACK_SECONDS: Final = 10.0  # of a guard, beyond the grace of its program
_TAIL_BYTES: Final = 16 * 1024
_MOST_KEPT_BYTES: Final = 8 << 20
_KEPT_AT_EACH_END_BYTES: Final = 1 << 20


class NotStarted(LoadlabError):
    """A program that could not be started; the text says why."""


class Program:
    """A program that runs, with everything that descends from it; leaving the `with` block ends all of it.

    `output` is the file of what it prints, on both standard streams.
    """

    def __init__(self, name: str, guard: Child, output: Path, grace_seconds: float) -> None:
        self.name = name
        self.output = output
        self._guard = guard
        self._grace_seconds = grace_seconds
        self._unread = b""
        self._pid: int | None = None
        self._failure: tuple[int, str] | None = None
        self._code: int | None = None
        self._gone = False
        self._guard_lost = False
        self._seen: dict[int, int] = {}  # when each process that was seen had started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The pid of the program itself."""
        assert self._pid is not None
        return self._pid

    def wait_started(self) -> tuple[int, str] | None:
        """Wait until it runs, and return None; or return the error number and the file of what went wrong."""
        deadline = time.monotonic() + _START_SECONDS
        while self._pid is None and self._failure is None:
            self.wait(deadline - time.monotonic())
            if self._pid is None and self._failure is None and (self._gone or time.monotonic() > deadline):
                raise NotStarted(f"{self.name} could not be started: {self._guard.account()}")
        return self._failure

    def poll(self) -> int | None:
        """Return how it ended (its exit code, or minus the signal that killed it), None while it runs.

        One that ends with code 0 and leaves processes behind has made itself a daemon, and runs on.
        """
        self._take_reports()
        if self._gone:
            return -signal.SIGKILL if self._code is None else self._code
        return self._code or None

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait until something happens to it, at most so long; return like `poll`."""
        assert self._guard.stdout is not None
        select.select([self._guard.stdout], [], [], max(0.0, timeout_seconds))
        return self.poll()

    def all_pids(self) -> list[int]:
        """Return the pids of all its processes, wherever they have gone: other groups, sessions, or no parent."""
        pids = list_family([self._guard.pid]) - {self._guard.pid}
        for pid in pids - self._seen.keys():
            if (stat := read_stat(pid)) is not None:
                self._seen[pid] = stat.started_ticks
        return sorted(pids)

    def describe_exit(self) -> str:
        """Return how it ended, to follow its name in a sentence."""
        code = self.poll()
        if code is None:
            return "is still running"
        return f"ended with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"

    def account(self, when: str = "") -> str:
        """Return one sentence: its name, how it ended, `when`, and the last line that it printed."""
        return f"{self.name} {self.describe_exit()}{when}{self.last_words()}"

    def last_words(self) -> str:
        """Return the last line that it printed, to end a sentence."""
        # An ExceptionGroup is printed in a frame, whose last line says nothing.
        *_, last = ["", *(line.strip(" |") for line in self.tail().splitlines() if line.strip(" |+-"))]
        return f": {last}" if last else ""

    def tail(self, size: int = _TAIL_BYTES) -> str:
        """Return the end of what it has printed."""
        with self.output.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode(errors="replace")

    def stop(self) -> None:
        """End all of it, by its signal, and by SIGKILL after the grace. May be repeated."""
        guard = self._guard
        if guard.stdin is None or guard.stdin.closed:
            return
        guard.stdin.close()
        guard.wait(self._grace_seconds + _SLACK_SECONDS)
        self._take_reports()
        guard.stop()
        guard.close()
        if self._guard_lost:
            self._kill_seen()
        _shorten(self.output)

    def _take_reports(self) -> None:
        stdout = self._guard.stdout
        while stdout is not None and not stdout.closed and not self._gone and select.select([stdout], [], [], 0)[0]:
            data = os.read(stdout.fileno(), _READ_BYTES)
            *lines, self._unread = (self._unread + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
            if not data and not self._gone:  # somebody has killed the guard
                self._gone = self._guard_lost = True

    def _kill_seen(self) -> None:
        """Kill what is left of all processes that were seen, now that there is no guard to do it."""
        for pid, started_ticks in self._seen.items():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                pidfd = os.pidfd_open(pid)
                try:
                    stat = read_stat(pid)
                    if stat is not None and stat.started_ticks == started_ticks:
                        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                finally:
                    os.close(pidfd)

    def _take(self, report: list[object]) -> None:
        match report:
            case ["started", int(pid)]:
                self._pid = pid
            case ["failed", int(number), str(file)]:
                self._failure = number, file
            case ["ended", int(code)]:
                self._code = code
            case ["gone"]:
                self._gone = True


def start_program(
    argv: Sequence[str],
    *,
    name: str,
    output: Path,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    cpus: Collection[int] | None = None,
    stop_signal: int = signal.SIGTERM,
    grace_seconds: float = 10.0,
) -> Program:
    """Start a program of the user's, in a session of its own, with all its output appended to a file.

    It runs on `cpus` (None: wherever we may), and may open as many files as the hard limit says. A file takes all that
    it prints at once, so that it never waits for a reader. Raises NotStarted.
    """
    described = GuardedProgram(
        argv=[*argv],
        environment={**environment},
        cwd=None if cwd is None else str(cwd),
        cpus=None if cpus is None else [*cpus],
        output=str(output),
        stop_signal=stop_signal,
        grace_seconds=grace_seconds,
    )
    output.touch()
    # It outlives us for as long as it takes to end the program, so that its death signal is one that it can handle.
    guard = spawn(
        f"the guard of {name}",
        module_command("loadlab.processes.guard"),
        stdin=True,
        stdout=subprocess.PIPE,
        death_signal=signal.SIGTERM,
    )
    program = Program(name, guard, output, grace_seconds)
    try:
        assert guard.stdin is not None
        guard.stdin.write(described.to_json().encode())
        failure = program.wait_started()
        if failure is not None:
            raise NotStarted(f"{name} could not be started: {_why(*failure, argv[0], cwd, environment)}")
    except BaseException:
        program.stop()
        raise
    return program


def find_program(word: str, cwd: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return the file that a command's first word stands for, None if there is none that can be executed."""
    if "/" in word:
        return shutil.which(os.path.join(cwd or "", word))
    return shutil.which(word, path=environment.get("PATH", os.defpath))


def why_not_found(word: str, cwd: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return why a command whose first word is that cannot be started in `cwd`, None if it can."""
    if cwd is not None and not cwd.is_dir():
        return f"{cwd} is not a directory" if cwd.exists() else f"there is no directory {cwd}"
    if find_program(word, cwd, environment) is not None:
        return None
    if "/" not in word:
        return f"there is no program {word} on the PATH"
    path = Path(os.path.normpath(os.path.join(cwd or "", word)))
    if not path.exists():
        return f"there is no file {path}"
    if path.is_dir():
        return f"{path} is a directory"
    return f"{path} is not executable; make it so with chmod +x, or start it with its interpreter"


def _why(number: int, file: str, word: str, cwd: Path | None, environment: Mapping[str, str]) -> str:
    if reason := why_not_found(word, cwd, environment):
        return reason
    if number == errno.ENOENT:
        return f"{file} names an interpreter in its first line that does not exist"
    if number == errno.ENOEXEC:
        return f"{file} is neither a program nor a script whose first line names its interpreter (#!/bin/sh)"
    return f"{file}: {os.strerror(number)}"


def _shorten(output: Path) -> None:
    """Keep the two ends of a file that is too large to be kept whole."""
    size, kept = output.stat().st_size, _KEPT_AT_EACH_END_BYTES
    if size <= _MOST_KEPT_BYTES:
        return
    with output.open("r+b") as file:
        file.seek(size - kept)
        end = file.read()
        file.truncate(kept)
        file.seek(kept)
        file.write(b"\n[... %d bytes left out ...]\n" % (size - 2 * kept) + end)
