"""What the tests of the backends share: the program that is watched, and a probe that is always stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadlab.probes.procfs import read_process
from loadlab.processes import Child, spawn

StartBurner = Callable[..., "Burner"]
_DEADLINE_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 0.25


class Burner:
    """The running tests/integration/probes/cpu/burner.py."""

    def __init__(self, child: Child) -> None:
        self.pid = child.pid
        self._child = child
        self._expect(b"ready\n")

    def burn(self) -> None:
        """Have it begin."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"go\n")
        self._expect(b"burning\n")

    def wait_used(self, cpu_seconds: float) -> None:
        """Return when it has used so much CPU time from now on, however long that takes on a busy machine."""
        wanted_ns = self._cpu_ns() + cpu_seconds * 1e9
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while self._cpu_ns() < wanted_ns:
            assert time.monotonic() < deadline, "it has no CPU time"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it; it stays a zombie until the test is over, as a target does that its launcher watches."""
        os.kill(self.pid, signal.SIGKILL)

    def wait_ended(self, look: Callable[[], None] = lambda: None) -> None:
        """Wait until it is seen that it has ended, and `look` meanwhile, as a window does."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while self._child.wait(_LOOK_EVERY_SECONDS) is None:
            assert time.monotonic() < deadline, "it seems to run on"
            look()

    def _cpu_ns(self) -> int:
        reading = read_process(self.pid)
        assert reading is not None, self._child.stderr_tail()
        return reading.cpu_user_ns + reading.cpu_system_ns

    def _expect(self, line: bytes) -> None:
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == line, self._child.stderr_tail()


def children() -> set[str]:
    """Return the pids of our children."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture
def start_burner() -> Iterator[StartBurner]:
    """Give a function that starts the program, with a crowd of so many threads that wait."""
    program = Path(__file__).with_name("burner.py")
    with contextlib.ExitStack() as stack:

        def start(crowd: int = 0) -> Burner:
            argv = [sys.executable, str(program), str(crowd)]
            return Burner(stack.enter_context(spawn("burner", argv, stdin=True, stdout=subprocess.PIPE)))

        yield start


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """What is to be undone when the test is over, however it ends."""
    with contextlib.ExitStack() as stack:
        yield stack
