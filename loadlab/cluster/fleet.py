"""A `Fleet` whose processes are on several machines: parts go to machines, plans are shifted to each machine's clock.

Parts are numbered through all machines, in the order of `machines`. What the processes say comes by a long poll of each
machine, in the thread of Dask's client, and waits in a queue until it is asked for. A machine that fails, in whatever
way, ends the trial with its name.
"""

import asyncio
import itertools
import queue
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from loadlab.cluster.limits import limits_towards
from loadlab.cluster.machine import LEASE_SECONDS
from loadlab.cluster.messages import Delivery, Failure
from loadlab.cluster.reading import MachineReading
from loadlab.cluster.remote import ANSWER_SECONDS, Cluster, RemoteMachine
from loadlab.cluster.shares import ClusterDivision, divide_among
from loadlab.errors import LoadlabError, ScenarioError, TrialFailed
from loadlab.fleet.coordinator import Event
from loadlab.fleet.division import Division, Share, split_evenly
from loadlab.fleet.messages import IdlePart, LoadPart, Plan, decode_message, encode_message
from loadlab.fleet.scenario_log import PrintedLog
from loadlab.profile.address import Address

PLAN_LEAD_NS: Final = 200_000_000
"""How long before its warm-up a plan should be sent: it is to arrive on all machines before that."""

_POLL_SECONDS: Final = 1.0
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 8.0
_numbers: Final = itertools.count(1)

_Item = tuple[RemoteMachine, Delivery | None]


class ClusterFleet:
    """A `Fleet` on the machines of `cluster`, on the cores `cores` of each by name. A context manager that stops it."""

    def __init__(
        self, cluster: Cluster, cores: Mapping[str, Sequence[int]], scenario_log: PrintedLog | None = None
    ) -> None:
        self.machines = cluster.machines
        self._cluster = cluster
        self._cores = cores
        self._log = scenario_log
        self._number = next(_numbers)
        self._arrived: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._failure: LoadlabError | None = None
        self._division: ClusterDivision | None = None
        self._worker_pids: list[int] = []
        self._holder_pids: list[int] = []
        self._is_stopped = False
        for machine in self.machines:
            own = list(cores[machine.name]) if machine.name in cores else None
            cluster.wait(machine, cluster.call(machine, "host", self._number, own))
            cluster.add_callback(self._listen, machine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def divide(self, address: Address, connections: int, workers: int | None, idle: int) -> Division:
        """Divide the connections of a rig among the machines; None for `workers` is one for each core.

        Parts that are started afterwards go to the machines that this says. Raises LoadlabError where the machines do
        not suffice, or one of them cannot reach the target.
        """
        limits = limits_towards(self._cluster, self._cores, address)
        self._division = divide_among(limits, address, connections, workers, idle)
        return self._division.division

    def shares_by_machine(self) -> dict[str, tuple[list[Share], list[Share]]]:
        """Return the shares of each machine's load workers and idle holders by its name, as they were divided last."""
        if self._division is None:
            return {}
        workers, holders = iter(self._division.division.workers), iter(self._division.division.holders)
        counts = zip(self.machines, self._division.workers, self._division.holders, strict=True)
        return {
            machine.name: (list(itertools.islice(workers, of_workers)), list(itertools.islice(holders, of_holders)))
            for machine, of_workers, of_holders in counts
        }

    def machine_of(self, sender: str) -> str:
        """Return the name of the machine that a sender of events is on."""
        return sender.rpartition(" on ")[2]

    def start_holders(self, parts: Sequence[IdlePart]) -> None:
        """Start one idle holder for each part; each answers with Opened."""
        counts = self._division.holders if self._division else []
        self._holder_pids += self._start("start_holders", parts, counts)

    def start_workers(self, parts: Sequence[LoadPart]) -> None:
        """Start one load worker for each part; each answers with Ready."""
        counts = self._division.workers if self._division else []
        self._worker_pids += self._start("start_workers", parts, counts)

    def prepare(self, part: LoadPart) -> None:
        """Start a process for the setup or teardown of a scenario, on the first machine; it answers with Prepared."""
        self._ask(self.machines[0], "prepare", encode_message(part))

    def end_preparing(self) -> None:
        """End that process."""
        self._ask(self.machines[0], "end_preparing")

    def end_workers(self) -> None:
        """End the load workers."""
        self._ask_all("end_workers")
        self._worker_pids = []

    def measure(self, plan: Plan) -> None:
        """Give all load workers their windows; for each, they answer with Recorded, Finished and Drained.

        Each machine gets them in its own time, by the offset of its clock as it was measured last.
        """
        if any(not machine.offsets for machine in self.machines):
            self._cluster.measure_clocks()
        self._gather(
            (machine, (encode_message(_shifted(plan, machine.offsets[-1].offset_ns)),)) for machine in self.machines
        )("measure")

    def leave(self) -> None:
        """Have the users of a scenario take their leave; all load workers answer with Left."""
        self._ask_all("leave")

    def keep_problems(self, what: str, problems: Sequence[str]) -> None:
        """Keep what went wrong in a scenario, and changes no figure, with what it prints."""
        if self._log is not None:
            self._log.add(what, "\n".join(problems).encode())

    def count_alive(self) -> None:
        """Ask the idle holders; each answers with Alive."""
        self._ask_all("count_alive")

    def next_events(self, timeout_seconds: float) -> list[Event]:
        """Return what arrived, waiting for at most `timeout_seconds`.

        Raises TrialFailed when a process or a machine ended, or a machine has not answered for some seconds, once
        everything that came before has been returned, and ScenarioError when the scenario cannot be run.
        """
        events: list[Event] = []
        try:
            item = self._arrived.get(timeout=timeout_seconds) if self._failure is None else self._arrived.get_nowait()
            while True:
                events += self._take(*item)
                item = self._arrived.get_nowait()
        except queue.Empty:
            pass
        if not events and self._failure is None:
            self._failure = next((TrialFailed(each.problem) for each in self.machines if each.problem), None)
        if not events and self._failure is not None:
            raise self._failure
        return events

    def worker_pids(self) -> list[int]:
        """Return the load workers' process ids on this machine."""
        return self._worker_pids

    def holder_pids(self) -> list[int]:
        """Return the idle holders' process ids on this machine."""
        return self._holder_pids

    def measure_clocks(self) -> None:
        """Measure the offset of each machine's clock, before a window or after it."""
        self._cluster.measure_clocks()

    def read(self, start: Mapping[str, MachineReading] | None = None) -> dict[str, MachineReading]:
        """Read the counters of all machines, by name; `start` is the reading at the window's begin."""
        before = start or {}
        readings = self._gather((machine, (before.get(machine.name),)) for machine in self.machines)("read")
        return {machine.name: reading for machine, reading in readings}

    def read_speed(self) -> dict[str, int | None]:
        """Measure the speed of each machine's cores, by name; the rig is to be silent."""
        return {machine.name: speed for machine, speed in self._ask_all("read_speed")}

    def stop(self) -> None:
        """End all processes. A machine that cannot be reached ends its own within its lease."""
        if self._is_stopped:
            return
        self._is_stopped = True
        calls = []
        for machine in self.machines:
            try:
                calls.append((machine, self._cluster.call(machine, "stop", self._number)))
            except TrialFailed:
                continue
        for machine, future in calls:
            try:
                self._keep(self._cluster.wait(machine, future, _STOP_SECONDS))
            except LoadlabError:
                continue

    def _start(self, method: str, parts: Sequence[LoadPart | IdlePart], counts: Sequence[int]) -> list[int]:
        """Start the parts, so many on each machine; return the process ids of those on this machine."""
        if sum(counts) != len(parts):
            counts = split_evenly(len(parts), len(self.machines))
        firsts = [0, *itertools.accumulate(counts)]
        shares = [
            (machine, ([encode_message(part) for part in parts[first : first + count]], first + 1))
            for machine, first, count in zip(self.machines, firsts, counts, strict=False)
        ]
        started = self._gather(shares, _START_SECONDS)(method)
        here = self._cluster.here.processes
        return [
            pid
            for machine, pids in started
            if self._cluster.is_here(machine) and machine.info.processes == here
            for pid in pids
        ]

    def _ask(self, machine: RemoteMachine, method: str, *arguments: object, numbered: bool = True) -> Any:  # noqa: ANN401
        ours = (self._number,) if numbered else ()
        return self._cluster.wait(machine, self._cluster.call(machine, method, *ours, *arguments))

    def _ask_all(self, method: str) -> list[tuple[RemoteMachine, Any]]:
        return self._gather((machine, ()) for machine in self.machines)(method)

    def _gather(
        self, shares: Iterable[tuple[RemoteMachine, tuple[object, ...]]], seconds: float = ANSWER_SECONDS
    ) -> "_Gather":
        return _Gather(self._cluster, self._number, list(shares), seconds)

    def _take(self, machine: RemoteMachine, delivery: Delivery | None) -> list[Event]:
        if delivery is None:
            self._failure = self._failure or TrialFailed(machine.problem or machine.name)
            return []
        self._keep(delivery)
        if delivery.failure is not None:
            self._failure = self._failure or _error_of(delivery.failure)
        return [Event(sender, decode_message(line)) for sender, line in delivery.events]

    def _keep(self, delivery: Delivery) -> None:
        if self._log is not None:
            for process, printed in delivery.printed:
                self._log.add(process, printed)

    async def _listen(self, machine: RemoteMachine) -> None:
        """Poll one machine until the end, in the thread of Dask's client."""
        while not self._is_stopped:
            try:
                polled = self._cluster.call(machine, "next_events", self._number, _POLL_SECONDS)
                delivery: Delivery = await asyncio.wait_for(polled, _POLL_SECONDS + LEASE_SECONDS)
            except Exception as error:
                if not self._is_stopped:
                    if isinstance(error, LoadlabError):
                        machine.problem = machine.problem or str(error)
                    self._cluster.failure(machine, error)
                    self._arrived.put((machine, None))
                return
            if delivery.events or delivery.printed or delivery.failure:
                self._arrived.put((machine, delivery))
            if delivery.failure:
                return


class _Gather:
    """A call of a method of several machines at once, each with its own arguments."""

    def __init__(
        self,
        cluster: Cluster,
        number: int,
        shares: Sequence[tuple[RemoteMachine, tuple[object, ...]]],
        seconds: float,
    ) -> None:
        self._cluster = cluster
        self._number = number
        self._shares = shares
        self._seconds = seconds

    def __call__(self, method: str) -> list[tuple[RemoteMachine, Any]]:
        calls = [
            (machine, self._cluster.call(machine, method, self._number, *arguments))
            for machine, arguments in self._shares
        ]
        return [(machine, self._cluster.wait(machine, future, self._seconds)) for machine, future in calls]


def _shifted(plan: Plan, offset_ns: int) -> Plan:
    """Return a plan in the time of a machine whose clock is ahead by `offset_ns`."""
    return Plan(
        [msgspec.structs.replace(window, start_unix_ns=window.start_unix_ns + offset_ns) for window in plan.windows]
    )


def _error_of(failure: Failure) -> LoadlabError:
    return ScenarioError(failure.text) if failure.is_scenario else TrialFailed(failure.text)
