"""Which run has the machine of a Dask worker: one at a time, watched for as long as it has it."""

import asyncio
from collections.abc import Sequence
from typing import Final

from distributed import Worker

from loadlab.cluster.hosting import HostedFleet
from loadlab.cluster.machine import Machine
from loadlab.cluster.target import HostedTarget
from loadlab.cluster.timers import slowed_timers
from loadlab.cluster.watchdog import Watchdog

_LOOK_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 8.0


class Tenancy:
    """Which run has the machine of one Dask worker; its methods are to be called in the worker's event loop.

    There is one run at a time, and the next one waits until all processes of the one before have ended.
    """

    def __init__(self, worker: Worker) -> None:
        self.machine = Machine("")
        self._worker = worker
        self._ending: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None  # the loop itself does not keep it
        self._watchdog: Watchdog | None = None

    async def claim(self, key: str, who: str, name: str, lease_seconds: float) -> None:
        """Hold the machine for a run that calls it `name`. Raises Claimed if another run does."""
        if self.machine.is_abandoned:
            self._end()
        if self._ending is not None:
            await asyncio.wait([self._ending], timeout=_STOP_SECONDS)
        self.machine.claim(key, who, lease_seconds)
        self.machine.name = name
        self._watchdog = Watchdog(lease_seconds)
        self._watch = asyncio.get_running_loop().create_task(self._watch_lease(key))

    def end(self, key: str) -> asyncio.Task[None] | None:
        """Begin to end everything, if the run `key` has the machine; return what is over when that is."""
        return self._end() if self.machine.is_held_by(key) else None

    def _end(self) -> asyncio.Task[None]:
        running = self.machine.end()
        for each in running:
            if isinstance(each, HostedFleet):
                each.retire()
        self._ending = asyncio.get_running_loop().create_task(self._stop(running))
        return self._ending

    async def _stop(self, running: Sequence[HostedFleet | HostedTarget]) -> None:
        try:
            ending = [each.stop for each in running] + ([self._watchdog.stop] if self._watchdog else [])
            await asyncio.gather(*map(asyncio.to_thread, ending))
        finally:
            self.machine.free()
            self._ending = None

    async def _watch_lease(self, key: str) -> None:
        with slowed_timers(self._worker):
            while self.machine.is_held_by(key):
                if self._watchdog is not None:
                    self._watchdog.feed()
                if self.machine.look():
                    self._end()
                await asyncio.sleep(_LOOK_SECONDS)


def tenancy_of(address: str, worker: Worker) -> Tenancy:
    """Return that of the Dask worker at `address`, the same for all runs."""
    return _tenancies.setdefault(address, Tenancy(worker))


_tenancies: Final[dict[str, Tenancy]] = {}
"""That of this process, by its Dask worker's address: a LocalCluster with processes=False has several in one."""
