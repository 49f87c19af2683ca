"""A machine's share of one rig: the processes of a `LocalFleet`, whose messages are kept until they are fetched.

Its methods that start processes are to be called from a thread that lives as long as they: for the kernel, that thread
is their parent.
"""

import asyncio
import os
from collections.abc import Collection, Sequence
from threading import Lock

from loadlab.cluster.messages import Delivery, Failure
from loadlab.cluster.reading import MachineReading, read_machine
from loadlab.errors import LoadlabError, ScenarioError, TrialFailed
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import IdlePart, LoadPart, Plan, decode_message, encode_message
from loadlab.probes.speed import measure_core_speeds


class HostedFleet:
    """The processes of one rig on one machine: those of a `LocalFleet`, and what they have said and not delivered.

    What ends processes may be called in any thread. `is_retired` once nothing more is to be taken of them.
    """

    def __init__(self, machine: str, cores: Collection[int] | None) -> None:
        self._printed: list[tuple[str, bytes]] = []
        self._events: list[tuple[str, bytes]] = []
        self._failure: Failure | None = None  # until it is delivered
        self._has_failed = False
        self._cores = cores
        self._ending = Lock()
        self.is_retired = False
        self._fleet: LocalFleet | None = LocalFleet(cores, _Printed(self._printed), f" on {machine}")

    @property
    def descriptor(self) -> int | None:
        """A descriptor that is readable when there is something to `take`; None when nothing will come.

        After a failure it is None, until the load workers have been ended.
        """
        return None if self._fleet is None or self._has_failed or self.is_retired else self._fleet.descriptor

    def start_workers(self, parts: Sequence[bytes], first: int) -> list[int]:
        """Start a load worker for each encoded part, numbered from `first`; return their process ids."""
        fleet = self._running
        fleet.start_workers([part for each in parts if isinstance(part := decode_message(each), LoadPart)], first)
        return fleet.worker_pids()

    def start_holders(self, parts: Sequence[bytes], first: int) -> list[int]:
        """Start an idle holder for each encoded part, numbered from `first`; return their process ids."""
        fleet = self._running
        fleet.start_holders([part for each in parts if isinstance(part := decode_message(each), IdlePart)], first)
        return fleet.holder_pids()

    def prepare(self, part: bytes) -> None:
        """Start a process for the setup or teardown of a scenario."""
        decoded = decode_message(part)
        assert isinstance(decoded, LoadPart)
        self._running.prepare(decoded)

    def end_preparing(self) -> None:
        """End that process."""
        with self._ending:
            self._running.end_preparing()

    def end_workers(self) -> None:
        """End the load workers."""
        with self._ending:
            self._running.end_workers()
        self._has_failed = False

    def measure(self, plan: bytes) -> None:
        """Give all load workers their windows, on this machine's wall clock."""
        decoded = decode_message(plan)
        assert isinstance(decoded, Plan)
        self._running.measure(decoded)

    def leave(self) -> None:
        """Have the users of a scenario take their leave."""
        self._running.leave()

    def count_alive(self) -> None:
        """Ask the idle holders."""
        self._running.count_alive()

    def take(self) -> None:
        """Take what processes have said, without waiting, for the next delivery."""
        if self.descriptor is None:
            return
        try:
            events = self._running.next_events(0)
        except LoadlabError as error:
            self._failure, self._has_failed = Failure(str(error), isinstance(error, ScenarioError)), True
            return
        self._events += [(event.sender, encode_message(event.message)) for event in events]

    @property
    def has_news(self) -> bool:
        """Whether there is anything to deliver."""
        return bool(self._events or self._printed or self._failure)

    def deliver(self) -> Delivery:
        """Return what there is to deliver; it is gone then."""
        delivery = Delivery(self._events[:], self._printed[:], self._failure)
        self._failure = None
        self._events.clear()
        self._printed.clear()
        return delivery

    def read(self, start: MachineReading | None = None) -> MachineReading:
        """Read the counters of its processes and of the machine; `start` is the reading at the window's begin."""
        fleet = self._running
        return read_machine(fleet.worker_pids(), [*fleet.holder_pids(), os.getpid()], start)

    def read_speed(self) -> int | None:
        """Return the CPU time in ns that a fixed piece of arithmetic takes on its cores; they are to be idle."""
        return measure_core_speeds(os.sched_getaffinity(0) if self._cores is None else self._cores)

    def listen(self, news: asyncio.Event) -> None:
        """Have what its processes say taken as it comes, and `news` set then; in the thread of an event loop."""
        if (descriptor := self.descriptor) is not None:
            asyncio.get_running_loop().add_reader(descriptor, self._take_in, news, descriptor)

    def stop_listening(self) -> None:
        """End that, for what ends processes in another thread."""
        if (descriptor := self.descriptor) is not None:
            asyncio.get_running_loop().remove_reader(descriptor)

    def retire(self) -> None:
        """Take no more of what its processes say, and start no more."""
        self.stop_listening()
        self.is_retired = True

    def stop(self) -> None:
        """End all its processes; they have ended when this returns. May be repeated."""
        self.is_retired = True
        with self._ending:
            fleet, self._fleet = self._fleet, None
            if fleet is not None:
                fleet.stop()

    def _take_in(self, news: asyncio.Event, descriptor: int) -> None:
        self.take()
        if self.descriptor is None:  # it has failed
            asyncio.get_running_loop().remove_reader(descriptor)
        if self.has_news:
            news.set()

    @property
    def _running(self) -> LocalFleet:
        if self._fleet is None or self.is_retired:
            raise TrialFailed("the processes of this trial have been ended")
        return self._fleet


class _Printed:
    """What processes have printed, to be delivered."""

    def __init__(self, printed: list[tuple[str, bytes]]) -> None:
        self._printed = printed

    def add(self, process: str, printed: bytes) -> None:
        """Add what a process has printed."""
        if printed.strip():
            self._printed.append((process, printed))
