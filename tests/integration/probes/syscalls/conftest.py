"""What the tests of the backends share: the program that is watched, and a probe that is always stopped."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadlab.probes.probe import Probe
from loadlab.probes.syscalls.choice import choose_backend
from loadlab.processes import Child, spawn
from loadlab.results.probe_data import SyscallBackend, SyscallProfile

OpenProbe = Callable[[SyscallBackend], Probe[SyscallProfile]]
StartSubject = Callable[[str], "Subject"]


class Subject:
    """The running tests/integration/probes/syscalls/counted_calls.py."""

    def __init__(self, child: Child) -> None:
        self.pid = child.pid
        self._child = child
        self._expect(b"ready\n")

    def work_a_round(self) -> None:
        """Have it make its calls, and return when they are made."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"go\n")
        self._expect(b"done\n")

    def _expect(self, line: bytes) -> None:
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == line, self._child.stderr_tail()


@pytest.fixture
def start_subject() -> Iterator[StartSubject]:
    """Give a function that starts the program in one of its kinds."""
    program = Path(__file__).with_name("counted_calls.py")
    with contextlib.ExitStack() as stack:

        def start(kind: str) -> Subject:
            argv = [sys.executable, str(program), kind]
            return Subject(stack.enter_context(spawn("subject", argv, stdin=True, stdout=subprocess.PIPE)))

        yield start


@pytest.fixture
def open_probe(need_program: Callable[[str], str]) -> Iterator[OpenProbe]:
    """Give a function that makes a probe, or skips the test where its backend cannot work here."""
    with contextlib.ExitStack() as stack:

        def open_(name: SyscallBackend) -> Probe[SyscallProfile]:
            need_program(name)
            choice = choose_backend(name)
            if choice.backend is None:
                (missed,) = choice.missed
                pytest.skip(f"{missed.lack.why}; {missed.lack.fix}")
            probe = choice.backend.open_probe(lambda: None)
            stack.callback(probe.stop)
            return probe

        yield open_


@pytest.fixture
def children_named() -> Callable[[str], list[int]]:
    """Give a function that returns the pids of our children that run the program of that name."""

    def find(name: str) -> list[int]:
        return [pid for pid in _list_children() if _read_name(pid) == name]

    return find


def _list_children() -> list[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(pid) for pid in children.split()]


def _read_name(pid: int) -> str:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
