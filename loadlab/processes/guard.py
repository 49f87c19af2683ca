"""The process that stands between loadlab and a program of the user's, `python -m loadlab.processes.guard`.

What the program starts may leave its process group and its session, fork twice and lose its parent: a daemon. The
kernel gives all of these to the nearest ancestor that is a "child subreaper" (prctl(2)), which is this process. So
everything that descends from the program descends from here as long as it lives, is found by its parent, and can be
ended, and nothing else can.

It gets one line of JSON on standard input (a `GuardedProgram`), and writes what happens to standard output, a JSON list
a line: ["started", pid] or ["failed", errno, file], then ["ended", status] when the program itself has ended and
["gone"] when nothing is left of it. When standard input ends, it ends the program: because loadlab closed it, or
because loadlab was killed.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Final

from loadlab.processes.child import prepare_child
from loadlab.processes.family import list_family, read_parents
from loadlab.processes.proc import read_stat

_PR_SET_CHILD_SUBREAPER: Final = 36  # from <linux/prctl.h>
_STDIN: Final = 0
_LOOK_EVERY_SECONDS: Final = 0.05
_KILL_PATIENCE_SECONDS: Final = 5.0  # what the kernel has not ended by then waits for a device


@dataclass(frozen=True, slots=True)
class GuardedProgram:
    """What to start, where its output goes, and how to stop it: by a signal, and SIGKILL after a grace."""

    argv: list[str]
    environment: dict[str, str]
    cwd: str | None
    cpus: list[int] | None
    output: str
    stop_signal: int
    grace_seconds: float

    def to_json(self) -> str:
        """Return the line that `from_json` reads."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_json(cls, line: str) -> "GuardedProgram":
        """Read what `to_json` wrote."""
        return cls(**json.loads(line))


class Guard:
    """A program and all that it starts, from its start to the end of the last of them."""

    def __init__(self, program: GuardedProgram, wake_fd: int) -> None:
        """`wake_fd` is readable when a child may have ended."""
        self._program = program
        self._wake_fd = wake_fd
        self._main: subprocess.Popen[bytes] | None = None  # kept, as it would reap the program when it is collected
        self._all_gone = False

    def start(self) -> bool:
        """Start the program; return whether that worked."""
        program = self._program
        try:
            with open(program.output, "ab", buffering=0) as output:
                self._main = subprocess.Popen(
                    program.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=program.cwd,
                    env=program.environment,
                    start_new_session=True,
                    preexec_fn=prepare_child(os.getpid(), program.cpus),  # there are no threads here
                )
        except OSError as error:
            _say("failed", error.errno, os.fsdecode(error.filename or ""))
            return False
        _say("started", self._main.pid)
        return True

    def watch(self) -> None:
        """Wait until nothing is left of the program, or until it is to be stopped."""
        waiting = select.poll()
        waiting.register(_STDIN, select.POLLIN)
        waiting.register(self._wake_fd, select.POLLIN)
        while not self._reap():
            for fd, _ in waiting.poll():
                woken_by = os.read(fd, 4096)  # the numbers of signals; of standard input, its end
                if set(woken_by) != {signal.SIGCHLD}:
                    return

    def stop(self) -> None:
        """End all that is left: by the signal, and what has not gone after the grace by SIGKILL.

        The signal goes to the program itself, which is to end its own children; and to what it has left behind.
        """
        asked: set[int] = set()
        deadline = time.monotonic() + self._program.grace_seconds
        while not self._reap() and time.monotonic() < deadline:
            main = self._main
            children = [pid for pid, parent in read_parents().items() if parent == os.getpid()]
            for pid in [main.pid] if main is not None and main.pid in children else children:
                if pid not in asked:
                    _send(pid, self._program.stop_signal, {os.getpid()})
                    asked.add(pid)
            self._wait_for_ends()
        deadline = time.monotonic() + _KILL_PATIENCE_SECONDS
        while not self._reap() and time.monotonic() < deadline:
            # Again and again: one that forks may have been faster.
            family = list_family([os.getpid()])
            for pid in family - {os.getpid()}:
                _send(pid, signal.SIGKILL, family)
            self._wait_for_ends()

    def _reap(self) -> bool:
        """Collect those that have ended, and report; return whether nothing is left."""
        while not self._all_gone:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._all_gone = True
                _say("gone")
                break
            if pid == 0:
                break
            if self._main is not None and pid == self._main.pid:
                self._main.returncode = os.waitstatus_to_exitcode(status)
                _say("ended", self._main.returncode)
                self._main = None  # its pid may be another's from now on
        return self._all_gone

    def _wait_for_ends(self) -> None:
        if select.select([self._wake_fd], [], [], _LOOK_EVERY_SECONDS)[0]:
            os.read(self._wake_fd, 4096)


def main() -> None:
    """Start what standard input says, and end with it."""
    wake_fd, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    # What asks this process to end, or says that loadlab has ended, makes it stop the program first.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, _note)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    line = sys.stdin.readline()
    if not line:
        return
    guard = Guard(GuardedProgram.from_json(line), wake_fd)
    if guard.start():
        guard.watch()
        guard.stop()


def _note(_number: int, _frame: FrameType | None) -> None:
    pass  # it wakes the wait


def _send(pid: int, number: int, parents: Collection[int]) -> None:
    """Signal a process if its parent is one of `parents`: its pid may be another's by now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it may run as another user
        pidfd = os.pidfd_open(pid)
        try:
            stat = read_stat(pid)
            if stat is not None and stat.parent in {*parents, os.getpid()}:
                signal.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)


def _say(*what: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # loadlab is gone
        os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
