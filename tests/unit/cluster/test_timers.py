"""The timers of a Dask worker, slowed while it is held."""

from types import SimpleNamespace
from typing import cast

from distributed import Worker

from loadlab.cluster.timers import slowed_timers


class FakeWorker:
    def __init__(self, **intervals_ms: float) -> None:
        self.periodic_callbacks = {
            name: SimpleNamespace(callback_time=interval_ms) for name, interval_ms in intervals_ms.items()
        }

    @property
    def intervals_ms(self) -> dict[str, float]:
        return {name: each.callback_time for name, each in self.periodic_callbacks.items()}

    @property
    def as_worker(self) -> Worker:
        return cast(Worker, self)


def test_timers_are_slow_within_the_block_only_and_heartbeats_never() -> None:
    worker = FakeWorker(profile=10, tick=20, memory_monitor=100, monitor=500, heartbeat=500)
    with slowed_timers(worker.as_worker):
        assert worker.intervals_ms == {
            "profile": 1_000, "tick": 1_000, "memory_monitor": 1_000, "monitor": 5_000, "heartbeat": 500
        }  # fmt: skip
    assert worker.intervals_ms == {"profile": 10, "tick": 20, "memory_monitor": 100, "monitor": 500, "heartbeat": 500}


def test_a_run_that_follows_before_the_last_one_has_let_go_keeps_them_slow() -> None:
    worker = FakeWorker(tick=20)
    first, second = slowed_timers(worker.as_worker), slowed_timers(worker.as_worker)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert worker.intervals_ms == {"tick": 1_000}
    second.__exit__(None, None, None)
    assert worker.intervals_ms == {"tick": 20}


def test_what_a_configuration_has_made_slower_or_left_out_stays_so() -> None:
    worker = FakeWorker(tick=2_000)
    with slowed_timers(worker.as_worker):
        assert worker.intervals_ms == {"tick": 2_000}
