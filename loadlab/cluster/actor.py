"""A machine as an actor of Dask's: all of its methods are coroutines, and run in the Dask worker's event loop.

That loop belongs to the main thread of the Dask worker, so the processes started here have a parent that lives as long
as it does. Whatever waits (a process that ends, the arithmetic of the speed) does so in a thread, and a long poll for
events blocks no other call.

Two runs are two actors on the same Dask worker; the `Machine` behind them is one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadlab.cluster.machine import HostedFleet, Machine, read_clock_pair
from loadlab.cluster.messages import ClockPair, Delivery, MachineInfo
from loadlab.cluster.networks import sources_towards
from loadlab.cluster.reading import MachineReading
from loadlab.errors import TrialFailed

_LOOK_SECONDS: Final = 0.5
_machines: Final[dict[str, Machine]] = {}
"""That of this process, by its name: a LocalCluster with processes=False has several in one."""

_watches: Final[set[asyncio.Task[None]]] = set()


class MachineActor:
    """The machine `name` for the run `key`, which is `who`."""

    def __init__(self, name: str, key: str, who: str) -> None:
        self._machine = _machines.setdefault(name, Machine(name))
        self._key = key
        self._who = who
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: dict[int, asyncio.Event] = {}

    def __del__(self) -> None:
        """End everything: the run's client has gone, or has let go of the machine."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_begin_release, self._machine, self._key, self._loop)

    async def describe(self) -> MachineInfo:
        """Return what it is and can take."""
        return self._machine.describe()

    async def sources(self, host: str) -> list[str]:
        """Return its addresses from which `host` can be reached."""
        return sources_towards(host)

    async def clock(self) -> ClockPair:
        """Read its clocks."""
        return read_clock_pair()

    async def claim(self) -> None:
        """Hold the machine from now on. Raises Claimed if another run does."""
        self._loop = asyncio.get_running_loop()
        self._machine.claim(self._key, self._who)
        watch = self._loop.create_task(_watch_lease(self._machine, self._key))
        _watches.add(watch)  # the loop itself does not keep it
        watch.add_done_callback(_watches.discard)

    async def renew(self) -> None:
        """Say that the run goes on."""
        self._machine.check(self._key)

    async def release(self) -> None:
        """End everything."""
        if self._loop is not None and (releasing := _begin_release(self._machine, self._key, self._loop)) is not None:
            await releasing

    async def host(self, number: int, cores: list[int] | None) -> None:
        """Host the share of another rig."""
        self._machine.check(self._key)
        fleet = self._machine.host(number, cores)
        self._news[number] = asyncio.Event()
        self._listen(number, fleet)

    async def start_workers(self, number: int, parts: list[bytes], first: int) -> list[int]:
        """Start load workers; return their process ids."""
        return self._fleet(number).start_workers(parts, first)

    async def start_holders(self, number: int, parts: list[bytes], first: int) -> list[int]:
        """Start idle holders; return their process ids."""
        return self._fleet(number).start_holders(parts, first)

    async def prepare(self, number: int, part: bytes) -> None:
        """Start a process for the setup or teardown of a scenario."""
        self._fleet(number).prepare(part)

    async def end_preparing(self, number: int) -> None:
        """End that process."""
        await self._without_listening(number, HostedFleet.end_preparing)

    async def end_workers(self, number: int) -> None:
        """End the load workers."""
        await self._without_listening(number, HostedFleet.end_workers)

    async def measure(self, number: int, plan: bytes) -> None:
        """Give all load workers their windows."""
        self._fleet(number).measure(plan)

    async def leave(self, number: int) -> None:
        """Have the users of a scenario take their leave."""
        self._fleet(number).leave()

    async def count_alive(self, number: int) -> None:
        """Ask the idle holders."""
        self._fleet(number).count_alive()

    async def next_events(self, number: int, timeout_seconds: float) -> Delivery:
        """Return what the processes have said, waiting for at most so long."""
        fleet, news = self._fleet(number), self._news[number]
        if not fleet.has_news:
            news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), timeout_seconds)
        return fleet.deliver()

    async def read(self, number: int, start: MachineReading | None = None) -> MachineReading:
        """Read the counters of its processes and of the machine."""
        return self._fleet(number).read(start)

    async def read_speed(self, number: int) -> int | None:
        """Measure the speed of its cores."""
        return await asyncio.to_thread(self._fleet(number).read_speed)

    async def stop(self, number: int) -> Delivery:
        """End the processes of a rig; return what they had left to say."""
        self._machine.check(self._key)
        fleet = self._machine.fleets.pop(number, None)
        if fleet is None:
            return Delivery()
        _forget(fleet, self._loop)
        await asyncio.to_thread(fleet.stop)
        self._news.pop(number).set()
        return fleet.deliver()

    def _fleet(self, number: int) -> HostedFleet:
        self._machine.check(self._key)
        try:
            return self._machine.fleets[number]
        except KeyError:
            raise TrialFailed(f"client machine {self._machine.name} has ended the processes of this rig") from None

    async def _without_listening(self, number: int, end: Callable[[HostedFleet], None]) -> None:
        fleet = self._fleet(number)
        _forget(fleet, self._loop)  # its set of pipes is not for two threads
        try:
            await asyncio.to_thread(end, fleet)
        finally:
            self._listen(number, fleet)
            self._news[number].set()

    def _listen(self, number: int, fleet: HostedFleet) -> None:
        assert self._loop is not None
        if (descriptor := fleet.descriptor) is not None:
            self._loop.add_reader(descriptor, _take, fleet, self._news[number], self._loop, descriptor)


def _take(fleet: HostedFleet, news: asyncio.Event, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    fleet.take()
    if fleet.descriptor is None:  # it has failed
        loop.remove_reader(descriptor)
    if fleet.has_news:
        news.set()


def _forget(fleet: HostedFleet, loop: asyncio.AbstractEventLoop | None) -> None:
    if loop is not None and (descriptor := fleet.descriptor) is not None:
        loop.remove_reader(descriptor)


def _begin_release(machine: Machine, key: str, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
    """Begin to end everything, in a thread; to be called in the loop. None if the run does not hold the machine."""
    if not machine.is_held_by(key):
        return None
    for fleet in machine.fleets.values():
        _forget(fleet, loop)
    return loop.run_in_executor(None, machine.release)


async def _watch_lease(machine: Machine, key: str) -> None:
    while machine.is_held_by(key):
        if machine.is_abandoned:
            _begin_release(machine, key, asyncio.get_running_loop())
            return
        await asyncio.sleep(_LOOK_SECONDS)
