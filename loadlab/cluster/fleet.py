"""A `Fleet` whose processes are on several machines: parts go to machines, plans are shifted to each machine's clock.

Parts are numbered through all machines, in the order of `machines`. What the processes say comes by a long poll of each
machine, in the thread of Dask's client, and waits in a queue until it is asked for. A machine that fails, in whatever
way, ends the trial with its name.
"""

import asyncio
import itertools
import queue
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from loadlab.cluster.limits import limits_towards
from loadlab.cluster.machine import LEASE_SECONDS
from loadlab.cluster.messages import Delivery, Failure
from loadlab.cluster.plans import PlanLead, late_by_ns, shifted
from loadlab.cluster.reading import MachineReading
from loadlab.cluster.remote import ANSWER_SECONDS, Cluster, RemoteMachine
from loadlab.cluster.shares import ClusterDivision, divide_among
from loadlab.errors import ClusterFailed, LatePlan, LoadlabError, ScenarioError, TrialFailed
from loadlab.fleet.coordinator import Event
from loadlab.fleet.division import Division, Share, split_evenly
from loadlab.fleet.messages import IdlePart, LoadPart, Plan, decode_message, encode_message
from loadlab.fleet.scenario_log import PrintedLog
from loadlab.profile.address import Address

_POLL_SECONDS: Final = 1.0
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 8.0
_numbers: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class _Process:
    """A load worker or idle holder by the name of its messages; `pid` only if it is one of this machine's."""

    name: str
    pid: int | None


class ClusterFleet:
    """A `Fleet` on the machines of `cluster`, on the cores `cores` of each by name. A context manager that stops it.

    The machine `host` has the target, and generates no load; None: the target is not on one of them.
    """

    def __init__(
        self,
        cluster: Cluster,
        cores: Mapping[str, Sequence[int]],
        scenario_log: PrintedLog | None = None,
        host: RemoteMachine | None = None,
    ) -> None:
        self.machines = [machine for machine in cluster.machines if machine is not host]
        self._host = host
        self._needed = self.machines
        self._cluster = cluster
        self._cores = cores
        self._log = scenario_log
        self._number = next(_numbers)
        self._arrived: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._failure: LoadlabError | None = None
        self._division: ClusterDivision | None = None
        self._workers: list[_Process] = []
        self._holders: list[_Process] = []
        self._lead = PlanLead()
        self._is_stopped = False
        try:
            self._ask(
                "host",
                ((each, (list(cores[each.name]) if each.name in cores else None,)) for each in self.machines),
            )
        except BaseException:
            self.stop()
            raise
        for machine in self.machines:
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
        limits = limits_towards(self._cluster, self._cores, address, self._host)
        self._division = divide_among(limits, address, connections, workers, idle)
        return self._division.division

    def shares_by_machine(self) -> dict[str, tuple[list[Share], list[Share]]]:
        """Return the shares of each machine's load workers and idle holders by its name, as they were divided last."""
        if self._division is None:
            return {}
        return self._division.by_machine([machine.name for machine in self.machines])

    def start_holders(self, parts: Sequence[IdlePart]) -> None:
        """Start one idle holder for each part; each answers with Opened."""
        counts = self._division.holders if self._division else []
        self._holders += self._start("start_holders", "idle holder", parts, counts)

    def start_workers(self, parts: Sequence[LoadPart]) -> None:
        """Start one load worker for each part; each answers with Ready."""
        counts = self._division.workers if self._division else []
        self._workers += self._start("start_workers", "load worker", parts, counts)

    def prepare(self, part: LoadPart) -> None:
        """Start a process for the setup or teardown of a scenario, on one machine; it answers with Prepared."""
        self._ask("prepare", [(self._needed[0], (encode_message(part),))])

    def end_preparing(self) -> None:
        """End that process."""
        self._ask("end_preparing", [(self._needed[0], ())])

    def end_workers(self) -> None:
        """End the load workers. After a failure, what is left to be done needs only machines that can be reached."""
        self._needed = [machine for machine in self.machines if machine.problem is None] or self.machines[:1]
        self._failure = None
        self._ask("end_workers", ((machine, ()) for machine in self._needed))
        self._workers = []

    def measure(self, plan: Plan) -> None:
        """Give all load workers their windows; for each, they answer with Recorded, Finished and Drained.

        Each machine gets them in its own time, by the offset of its clock as it was measured last. Raises LatePlan
        where one gets them too late to begin with the others.
        """
        if any(not machine.offsets for machine in self.machines):
            self._cluster.measure_clocks()
        offsets = {machine.name: machine.offsets[-1].offset_ns for machine in self.machines}
        sent_ns = time.time_ns()
        plans = ((each, (encode_message(shifted(plan, offsets[each.name])),)) for each in self.machines)
        for machine, arrived_ns in self._ask("measure", plans):
            arrived_here_ns = arrived_ns - offsets[machine.name]
            self._lead.note(arrived_here_ns - sent_ns)
            if late_ns := late_by_ns(plan, arrived_here_ns):
                raise LatePlan(
                    f"client machine {machine.name} got its plan {late_ns / 1e6:,.0f} ms after the window had begun: "
                    "the machine, its network or the scheduler was overloaded"
                )

    @property
    def plan_lead_ns(self) -> int:
        """How long before its warm-up the next plan is to be sent, so that it arrives on all machines before that."""
        return self._lead.lead_ns

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

        Raises TrialFailed when a process ended, ClusterFailed when a machine did, or has not answered for some seconds,
        and ScenarioError when the scenario cannot be run; each once everything that came before has been returned.
        """
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            delivery = self._arrived.get(timeout=timeout_seconds)
            while True:
                events += self._take(delivery)
                delivery = self._arrived.get_nowait()
        except queue.Empty:
            pass
        if self._failure is None:
            self._failure = next((ClusterFailed(each.problem) for each in self._needed if each.problem), None)
        if self._failure is not None and not events:
            raise self._failure
        return events

    def worker_pids(self) -> list[int]:
        """Return the load workers' process ids on this machine."""
        return [process.pid for process in self._workers if process.pid is not None]

    def holder_pids(self) -> list[int]:
        """Return the idle holders' process ids on this machine."""
        return [process.pid for process in self._holders if process.pid is not None]

    def worker_names(self) -> list[str]:
        """Return the names of all load workers, as their messages have them for senders."""
        return [process.name for process in self._workers]

    def holder_names(self) -> list[str]:
        """Return the names of all idle holders."""
        return [process.name for process in self._holders]

    def measure_clocks(self) -> None:
        """Measure the offset of each machine's clock, before a window or after it."""
        self._cluster.measure_clocks()

    def read(self, start: Mapping[str, MachineReading] | None = None) -> dict[str, MachineReading]:
        """Read the counters of all machines, by name; `start` is the reading at the window's begin."""
        before = start or {}
        readings = self._ask("read", ((machine, (before.get(machine.name),)) for machine in self.machines))
        return {machine.name: reading for machine, reading in readings}

    def read_speed(self) -> dict[str, int | None]:
        """Measure the speed of each machine's cores, by name; the rig is to be silent."""
        return {machine.name: speed for machine, speed in self._ask_all("read_speed")}

    def stop(self) -> None:
        """End all processes. A machine that cannot be reached ends its own within its lease."""
        if self._is_stopped:
            return
        self._is_stopped = True
        stopping = []
        for machine in self.machines:
            with suppress(ClusterFailed):
                stopping.append((machine, self._cluster.call(machine, "stop", self._number)))
        deadline = time.monotonic() + _STOP_SECONDS
        for machine, future in stopping:
            with suppress(LoadlabError):
                self._keep(self._cluster.wait(machine, future, deadline - time.monotonic()))

    def _start(
        self, method: str, what: str, parts: Sequence[LoadPart | IdlePart], counts: Sequence[int]
    ) -> list[_Process]:
        """Start the parts, so many on each machine."""
        if sum(counts) != len(parts):
            counts = split_evenly(len(parts), len(self.machines))
        firsts = [0, *itertools.accumulate(counts)]
        shares = [
            (machine, ([encode_message(part) for part in parts[first : first + count]], first + 1))
            for machine, first, count in zip(self.machines, firsts, counts, strict=False)
        ]
        started = self._ask(method, shares, _START_SECONDS)
        return [
            _Process(f"{what} {number} on {machine.name}", pid if self._shares_pids(machine) else None)
            for (machine, pids), first in zip(started, firsts, strict=False)
            for number, pid in enumerate(pids, start=first + 1)
        ]

    def _shares_pids(self, machine: RemoteMachine) -> bool:
        return self._cluster.is_here(machine) and machine.info.processes == self._cluster.here.processes

    def _ask_all(self, method: str) -> list[tuple[RemoteMachine, Any]]:
        return self._ask(method, ((machine, ()) for machine in self.machines))

    def _ask(
        self,
        method: str,
        arguments: Iterable[tuple[RemoteMachine, tuple[object, ...]]],
        seconds: float = ANSWER_SECONDS,
    ) -> list[tuple[RemoteMachine, Any]]:
        """Call a method of several machines at once, each with its own arguments, for this rig; return what they do."""
        calls = [(each, self._cluster.call(each, method, self._number, *of_each)) for each, of_each in arguments]
        return self._cluster.wait_all(calls, seconds)

    def _take(self, delivery: Delivery) -> list[Event]:
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
                    await self._cluster.failure(machine, error)
                    self._arrived.put(Delivery())  # so that its problem is looked at
                return
            if delivery.events or delivery.printed or delivery.failure:
                self._arrived.put(delivery)


def _error_of(failure: Failure) -> LoadlabError:
    return ScenarioError(failure.text) if failure.is_scenario else TrialFailed(failure.text)
