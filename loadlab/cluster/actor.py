"""A machine as an actor of Dask's: all of its methods are coroutines, and run in the Dask worker's event loop.

That loop belongs to the main thread of the Dask worker, so the processes started here have a parent that lives as long
as it does. Whatever waits (a process that ends, the arithmetic of the speed) does so in a thread, and a long poll for
events blocks no other call.

Two runs are two actors on the same Dask worker; the machine behind them is one (`tenancy`).
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from distributed import get_worker

from loadlab.cluster.hosting import HostedFleet
from loadlab.cluster.machine import LEASE_SECONDS, read_clock_pair
from loadlab.cluster.messages import ClockPair, Delivery, MachineInfo, TargetInfo
from loadlab.cluster.networks import sources_towards
from loadlab.cluster.reading import MachineReading
from loadlab.cluster.target import Answered, AskedTarget, HostedTarget, ProbeStep
from loadlab.cluster.tenancy import tenancy_of
from loadlab.errors import ClusterFailed
from loadlab.host import Diagnosis, Requirements
from loadlab.probes.memory import MemoryReading
from loadlab.probes.speed import measure_core_speeds
from loadlab.processes import raise_open_files
from loadlab.profile.address import Address
from loadlab.serving.probing import ChosenProbe, WatchedKind, choose_probe
from loadlab.serving.reading import HostReading, TargetLook, TargetReading
from loadlab.targets import accepts

_END_SECONDS: Final = 0.1

# A target takes its time until it listens, so it is not started in the loop but in this thread: it lives as long as the
# loop's, and so may be a parent.
_starting: Final = ThreadPoolExecutor(1, "loadlab-target")


class MachineActor:
    """The machine on the Dask worker at `address`, called `name` by the run `key`, which is `who`."""

    def __init__(self, address: str, name: str, key: str, who: str, lease_seconds: float = LEASE_SECONDS) -> None:
        self._tenancy = tenancy_of(address, get_worker())
        self._machine = self._tenancy.machine
        self._name = name
        self._key = key
        self._who = who
        self._lease_seconds = lease_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: dict[int, asyncio.Event] = {}

    def __del__(self) -> None:
        """End everything: the run's client has gone, or has let go of the machine."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tenancy.end, self._key)

    async def describe(self) -> MachineInfo:
        """Return what it is and can take."""
        return self._machine.describe()

    async def sources(self, host: str) -> list[str]:
        """Return its addresses from which `host` can be reached."""
        return sources_towards(host)

    async def clock(self) -> ClockPair:
        """Read its clocks."""
        return read_clock_pair()

    async def examine(self, needed: list[Requirements], has_target: bool) -> list[list[Diagnosis]]:
        """Judge it by each of these requirements."""
        return await asyncio.to_thread(self._machine.examine, needed, has_target)

    async def measure_speed(self, cores: list[int]) -> int | None:
        """Return the CPU time in ns that a fixed piece of arithmetic takes on these cores; they are to be idle."""
        return await asyncio.to_thread(measure_core_speeds, cores)

    async def claim(self) -> None:
        """Hold the machine from now on. Raises Claimed if another run does."""
        await self._tenancy.claim(self._key, self._who, self._name, self._lease_seconds)
        self._loop = asyncio.get_running_loop()
        raise_open_files()  # each process takes three pipes and more

    async def renew(self) -> None:
        """Say that the run goes on."""
        self._machine.check(self._key)

    async def release(self) -> None:
        """End everything."""
        if (ending := self._tenancy.end(self._key)) is not None:
            await asyncio.shield(ending)

    async def host(self, number: int, cores: list[int] | None) -> None:
        """Host the share of another rig."""
        self._machine.check(self._key)
        fleet = self._machine.host(number, cores)
        self._news[number] = asyncio.Event()
        fleet.listen(self._news[number])

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

    async def measure(self, number: int, plan: bytes) -> int:
        """Give all load workers their windows; return when they had them, by this machine's wall clock."""
        self._fleet(number).measure(plan)
        return time.time_ns()

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
        return Delivery() if fleet.is_retired else fleet.deliver()  # what is left then is returned by `stop`

    async def read(self, number: int, start: MachineReading | None = None) -> MachineReading:
        """Read the counters of its processes and of the machine."""
        return self._fleet(number).read(start)

    async def read_speed(self, number: int) -> int | None:
        """Measure the speed of its cores."""
        return await asyncio.to_thread(self._fleet(number).read_speed)

    async def stop(self, number: int) -> Delivery:
        """End the processes of a rig; return what they had left to say."""
        self._machine.check(self._key)
        fleet = self._machine.fleets.get(number)
        if fleet is None:
            return Delivery()
        fleet.retire()
        await asyncio.to_thread(fleet.stop)
        self._machine.fleets.pop(number, None)
        self._news.pop(number).set()
        return fleet.deliver()

    async def reaches(self, address: Address) -> bool:
        """Return whether a server at that address accepts connections from here."""
        return await asyncio.to_thread(accepts, address)

    async def stand_target(self, number: int, asked: AskedTarget) -> TargetInfo:
        """Have the target of a rig listen."""
        self._machine.check(self._key)
        target = self._machine.targets[number] = HostedTarget(self._machine.name)
        return await asyncio.get_running_loop().run_in_executor(_starting, target.start, asked)

    async def next_end(self, number: int, timeout_seconds: float) -> str | None:
        """Return how the target of a rig has ended, waiting for at most so long; None while it runs."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while (end := self._target(number).poll_exit()) is None and loop.time() < deadline:
            await asyncio.sleep(_END_SECONDS)
        return end

    async def read_target(self, number: int, start: HostReading | None) -> TargetReading:
        """Read the counters of the target and of the machine."""
        return self._target(number).read(start)

    async def look_at_target(self, number: int, pids: list[int] | None, since_ns: int | None) -> TargetLook:
        """Read the target in the middle of a window."""
        return self._target(number).look(pids, since_ns)

    async def read_target_pss(self, number: int) -> int | None:
        """Read the memory of the target."""
        return await asyncio.to_thread(self._target(number).read_pss)

    async def read_target_memory(self, number: int) -> MemoryReading | None:
        """Read the memory of the target, and of the machine's kernel."""
        return await asyncio.to_thread(self._target(number).read_memory)

    async def count_target_open(self, number: int) -> int | None:
        """Count the descriptors of the target."""
        return self._target(number).count_open()

    async def read_target_speed(self, number: int) -> int | None:
        """Measure the speed of the target's cores."""
        return await asyncio.to_thread(self._target(number).read_speed)

    async def choose_probe(self, kind: WatchedKind, wanted: str) -> ChosenProbe:
        """Return what can watch a target here."""
        return await asyncio.to_thread(choose_probe, kind, wanted)

    async def begin_watching(self, number: int, chosen: ChosenProbe) -> Answered:
        """Prepare a probe of the target of a rig."""
        target = self._target(number)
        return await asyncio.get_running_loop().run_in_executor(_starting, target.begin_watching, chosen)

    async def watch_target(self, number: int, step: ProbeStep) -> Answered:
        """Take a step of the probe."""
        target = self._target(number)
        return await asyncio.get_running_loop().run_in_executor(_starting, target.watch, step)

    async def end_watching(self, number: int) -> None:
        """Stop the probe."""
        target = self._target(number)
        await asyncio.get_running_loop().run_in_executor(_starting, target.end_watching)

    async def stop_target(self, number: int) -> bytes:
        """End the target of a rig; return what its command has printed."""
        self._machine.check(self._key)
        target = self._machine.targets.get(number)
        if target is None:
            return b""
        printed = await asyncio.to_thread(target.stop)
        self._machine.targets.pop(number, None)
        return printed

    def _target(self, number: int) -> HostedTarget:
        self._machine.check(self._key)
        try:
            return self._machine.targets[number]
        except KeyError:
            raise ClusterFailed(f"machine {self._machine.name} has ended the target of this trial") from None

    def _fleet(self, number: int) -> HostedFleet:
        self._machine.check(self._key)
        try:
            return self._machine.fleets[number]
        except KeyError:
            raise ClusterFailed(f"client machine {self._machine.name} has ended the processes of this trial") from None

    async def _without_listening(self, number: int, end: Callable[[HostedFleet], None]) -> None:
        fleet = self._fleet(number)
        fleet.stop_listening()  # its set of pipes is not for two threads
        try:
            await asyncio.to_thread(end, fleet)
        finally:
            fleet.listen(self._news[number])
            self._news[number].set()
