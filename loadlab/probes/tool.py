"""An external program that a probe runs, and perf's control fifos. If it fails, only the probe's result is lost."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

from loadlab.errors import LoadlabError
from loadlab.probes.probe import ProbeFailed
from loadlab.processes import Child, spawn

DEADLINE_SECONDS: Final = 30.0
"""For the program to attach, and for it to write its result; each takes half a second on an idle machine."""
_GLANCE_SECONDS: Final = 0.001
_CHECK_EVERY_SECONDS: Final = 0.1


class Tool:
    """A program that is started at most once, watches until it has to finish, and then writes its result.

    `check` is called while it is waited for, and raises if the run is to end.
    """

    def __init__(
        self, name: str, check: Callable[[], None] = lambda: None, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._name = name
        self._check = check
        self._deadline_seconds = deadline_seconds
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """Its process id. Raises ProbeFailed where it does not run."""
        return self._running().pid

    def start(self, argv: Sequence[str], stdout: int | IO[bytes] = subprocess.DEVNULL) -> None:
        """Start it, on whichever core the kernel chooses."""
        # Bound to either side's core they disturb no less: bpftrace and perf do not run in the window (0.0 % of a core,
        # the kernel counts for them), py-spy runs for 4 to 5 %, and strace, which works in turn with what it watches,
        # left the epoll server 25 % of its throughput unbound and 13 % on the core of target or load.
        try:
            self._child = spawn(self._name, argv, stdout=stdout, environment=tool_environment())
        except LoadlabError as error:
            raise ProbeFailed(str(error)) from error

    def wait_until(self, condition: Callable[[], bool], task: str) -> None:
        """Wait until `condition` holds. Raises ProbeFailed if the program ends before or does not do its `task`."""
        child = self._running()
        deadline = time.monotonic() + self._deadline_seconds
        while not condition():
            self._check()
            if child.wait(_GLANCE_SECONDS) is not None:
                raise ProbeFailed(child.account(f" before it could {task}"))
            if time.monotonic() > deadline:
                raise ProbeFailed(f"{self._name} did not {task} within {self._deadline_seconds:g} seconds")

    def interrupt(self) -> None:
        """Send it SIGINT, as Ctrl-C does."""
        os.kill(self._running().pid, signal.SIGINT)

    def finish(self, request: Callable[[], None]) -> None:
        """Have it write its result by `request`, and wait. Raises ProbeFailed if it ended earlier or failed."""
        child = self._running()
        if child.poll() is not None:
            raise ProbeFailed(child.account(" before the measured window was over"))
        request()
        code = wait_ended(child, self._check, self._deadline_seconds)
        if code is None:
            raise ProbeFailed(f"{self._name} did not write its result within {self._deadline_seconds:g} seconds")
        # Some return normally from SIGINT, some raise it again, so that their parent knows.
        if code not in (0, -signal.SIGINT):
            raise ProbeFailed(child.account(" when its result was requested"))

    def stop(self) -> None:
        """End it, whatever it is doing; may be repeated, and called before it was started."""
        if self._child is not None:
            self._child.stop()
            self._child.close()
            self._child = None

    def _running(self) -> Child:
        if self._child is None:
            raise ProbeFailed(f"{self._name} is not running")
        return self._child


def tool_environment() -> dict[str, str]:
    """Return our environment with the C locale: under others tools write 0,5 for 0.5, and translate their messages."""
    return {**os.environ, "LC_ALL": "C"}


def wait_ended(child: Child, check: Callable[[], None], deadline_seconds: float) -> int | None:
    """Return like `Child.wait`, None if it is still running at the deadline; `check` is called meanwhile."""
    deadline = time.monotonic() + deadline_seconds
    while (code := child.wait(_CHECK_EVERY_SECONDS)) is None and time.monotonic() < deadline:
        check()
    return code


class PerfControl:
    """Our ends of both fifos, which are made in `directory`; `option` is the argument for perf."""

    def __init__(self, directory: Path) -> None:
        self.option = f"fifo:{directory / 'commands'},{directory / 'answers'}"
        self._commands = _open_fifo(directory / "commands")
        self._answers = _open_fifo(directory / "answers")
        self._open = True

    def send(self, command: str) -> None:
        """Send a command; perf executes it some time later."""
        os.write(self._commands, f"{command}\n".encode())

    def is_acknowledged(self) -> bool:
        """Return whether perf has answered since this was last true."""
        try:
            return b"ack" in os.read(self._answers, 64)
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close both; may be repeated."""
        if self._open:
            self._open = False
            os.close(self._commands)
            os.close(self._answers)


def _open_fifo(path: Path) -> int:
    os.mkfifo(path, mode=0o600)
    # Linux opens a fifo for both directions without waiting for the other side, and no end of it is an end of file.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
