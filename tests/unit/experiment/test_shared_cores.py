"""Threads are watched only where target and client may run on the same cores."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from loadlab.experiment.context import Resources
from loadlab.experiment.ends import Ends
from loadlab.experiment.shared_cores import SharedCoresUse, SharedCoresWatch
from loadlab.processes import Placement


@dataclass
class Listed:
    """Ends whose processes are this one, and who was asked for them."""

    asked: list[str] = field(default_factory=list)

    def ends(self) -> Ends:
        def pids_of(side: str) -> Callable[[], list[int]]:
            def pids() -> list[int]:
                self.asked.append(side)
                return [os.getpid()]

            return pids

        sides: Any = SimpleNamespace(
            target=SimpleNamespace(pids=pids_of("target")),
            side=SimpleNamespace(pids_beside=list),
            fleet=SimpleNamespace(worker_pids=pids_of("client"), holder_pids=lambda: []),
        )
        return cast(Ends, sides)


def watch(listed: Listed, target: tuple[int, ...], load: tuple[int, ...]) -> SharedCoresUse:
    watched = SharedCoresWatch(listed.ends(), Resources(Placement(target, load), pinned=True, open_files=64))
    watched.begin()
    for _ in range(3):
        sum(range(300_000))  # something to run for
        watched.look()
    return watched.end()


def test_sides_with_cores_of_their_own_are_not_looked_at() -> None:
    listed = Listed()
    assert watch(listed, (0,), (1,)) == SharedCoresUse()
    assert listed.asked == []


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="this kernel does not count run-queue wait")
def test_the_threads_of_both_sides_are_read_where_cores_are_shared() -> None:
    listed = Listed()
    use = watch(listed, (0, 1), (1,))
    assert sum(sum(thread.ran_ns.values()) for thread in use.target) > 0
    assert use.client
    assert use.beside
    # In between nobody looks for processes that the target has forked.
    assert listed.asked.count("target") == 2
