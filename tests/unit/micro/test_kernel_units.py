"""Threads and processes: all alive while weighed, all gone afterwards, whatever happens in between."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.kernel_units import Processes, Threads
from loadlab.micro.units import UnitKind

KINDS = [Threads(), Processes()]


def test_so_many_threads_are_alive_while_weighed() -> None:
    before = threading.active_count()
    assert Threads().weigh_alive(20, lambda pids: threading.active_count()) == before + 20


def test_so_many_processes_are_alive_while_weighed() -> None:
    def count_children(pids: Sequence[int]) -> int:
        parents = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] for pid in pids]
        return parents.count(str(os.getpid()))

    assert Processes().weigh_alive(5, count_children) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_takes_time(kind: UnitKind) -> None:
    assert kind.pass_turns(20) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_while_weighing_leaves_nothing_behind(kind: UnitKind) -> None:
    def fail(_pids: Sequence[int]) -> int:
        raise LoadlabError("no memory to be read")

    with pytest.raises(LoadlabError, match="no memory to be read"):
        kind.weigh_alive(3, fail)


def failing_after(calls: int, real: Callable[..., object], error: Exception) -> Callable[..., object]:
    """Return `real`, which raises `error` once it was called so often."""
    left = iter(range(calls))

    def call(*arguments: object) -> object:
        if next(left, None) is None:
            raise error
        return real(*arguments)

    return call


def test_threads_that_the_system_refuses_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    start = failing_after(3, threading.Thread.start, RuntimeError("can't start new thread"))
    # Not the callable itself: bound to its thread as the method is.
    monkeypatch.setattr(threading.Thread, "start", lambda thread: start(thread))
    with pytest.raises(LoadlabError, match="the system allowed only 3 of 10 threads; set a smaller count"):
        Threads().weigh_alive(10, lambda pids: 0)


def test_processes_that_the_system_refuses_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", failing_after(3, os.fork, BlockingIOError(11, "try again")))
    with pytest.raises(LoadlabError, match="the system allowed only 3 of 10 processes; set a smaller count"):
        Processes().weigh_alive(10, lambda pids: 0)
