"""The timers by which a Dask worker watches itself, slowed while a run holds it, as it shares the cores of its load.

An idle Dask worker wakes up a hundred times a second: it samples the stacks of its tasks, measures how late its event
loop is, and reads its memory. That takes 2 % of a core, and a load worker may have to wait each time. At once a second
(the system monitor: once in five) it takes 0.2 %. Nothing is stopped, so Dask goes on to work as it did, if with
coarser figures on its dashboard. Heartbeats are as frequent as ever: the scheduler says how frequent they are to be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakKeyDictionary

from distributed import Worker

_SLOW_MS: Final = {
    "profile": 1_000.0,
    "tick": 1_000.0,  # below the 3 s after which Dask calls a loop unresponsive
    "memory_monitor": 1_000.0,
    "monitor": 5_000.0,
}
_usual_ms: Final[WeakKeyDictionary[Worker, dict[str, float]]] = WeakKeyDictionary()
_holders: Final[WeakKeyDictionary[Worker, int]] = WeakKeyDictionary()


@contextmanager
def slowed_timers(worker: Worker) -> Iterator[None]:
    """Slow the timers of `worker` until the end of the block, or that of the last such block; called in its loop."""
    holders = _holders.get(worker, 0)
    if not holders:
        _usual_ms[worker] = {
            name: worker.periodic_callbacks[name].callback_time
            for name in _SLOW_MS
            if name in worker.periodic_callbacks
        }
    _holders[worker] = holders + 1
    _set_intervals(worker, {name: max(_SLOW_MS[name], usual) for name, usual in _usual_ms[worker].items()})
    try:
        yield
    finally:
        _holders[worker] -= 1
        if not _holders[worker]:
            _set_intervals(worker, _usual_ms.pop(worker))


def _set_intervals(worker: Worker, intervals_ms: dict[str, float]) -> None:
    """Set how often they run; each does so from the next time on that it runs."""
    for name, interval_ms in intervals_ms.items():
        worker.periodic_callbacks[name].callback_time = interval_ms
