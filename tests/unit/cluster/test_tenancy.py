"""One run after the other has a machine, and the next one waits until nothing of the one before is left."""

import asyncio
import threading
from types import SimpleNamespace
from typing import cast

import pytest

pytest.importorskip("distributed")

from distributed import Worker

from loadlab.cluster import tenancy
from loadlab.cluster.hosting import HostedFleet
from loadlab.cluster.machine import Claimed
from loadlab.cluster.tenancy import Tenancy


class Watchdog:
    """One that watches nothing."""

    def __init__(self, _seconds: float) -> None:
        pass

    def feed(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class IdleWorker:
    """A Dask worker without timers."""

    def __init__(self) -> None:
        self.periodic_callbacks: dict[str, object] = {}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(tenancy, "Watchdog", Watchdog)
    return cast(Worker, IdleWorker())


def test_the_next_run_waits_until_all_of_the_one_before_has_ended(worker: Worker) -> None:
    async def take_turns() -> None:
        held, ended = Tenancy(worker), threading.Event()
        await held.claim("a", "ann", "one", 10)
        held.machine.fleets[1] = cast(HostedFleet, SimpleNamespace(stop=ended.wait))
        assert held.end("a") is not None
        assert held.end("a") is None  # its release and the end of its client come to the same
        claiming = asyncio.ensure_future(held.claim("b", "bob", "renamed", 10))
        await asyncio.sleep(0)
        assert not held.machine.is_held_by("b")
        ended.set()
        await claiming
        assert held.machine.is_held_by("b")
        assert held.machine.name == "renamed"
        assert held.end("a") is None  # what is late of the first run does not matter to the second
        assert held.machine.is_held_by("b")

    asyncio.run(take_turns())


def test_a_run_that_has_it_keeps_it(worker: Worker) -> None:
    async def claim_twice() -> None:
        held = Tenancy(worker)
        await held.claim("a", "ann", "one", 10)
        with pytest.raises(Claimed, match="client machine one is held by the run of ann"):
            await held.claim("b", "bob", "another name", 10)
        assert held.machine.name == "one"

    asyncio.run(claim_twice())
