"""What the verdict knows of the measured window beside the trial's own figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from loadlab.processes.threads import ThreadUse
from loadlab.recording.histogram import Histogram
from loadlab.results.machine import ClockResult
from loadlab.results.probe_data import ControlGroupUse

CoreOwner = Literal["target", "client", "both"]


@dataclass(frozen=True, slots=True)
class CorePool:
    """The cores of target or client over the window, or of both where the two are not kept apart.

    `idle` is the share (0 to 1) of each core's time in which it had nothing to do, by its number; `stolen` the share of
    their time that the hypervisor gave to other machines; `others` how many of these cores were used by processes that
    have no part in the trial: 1.0 is one core all the time.
    """

    owner: CoreOwner
    idle: dict[int, float]
    stolen: float
    others: float

    def busy_of_fullest(self, number: int) -> float:
        """Return how many cores' worth of time the `number` busiest cores were not idle."""
        return sum(1 - idle for idle in sorted(self.idle.values())[:number])


@dataclass(frozen=True, slots=True)
class DescriptorUse:
    """How many descriptors a process had open, and its soft limit."""

    pid: int
    open: int
    limit: int


@dataclass(frozen=True, slots=True)
class ListenQueueUse:
    """How many connections the target's full listen queue turned away before the window and in it, and its length."""

    before: int
    within: int
    backlog: int


@dataclass(frozen=True, slots=True)
class WindowEvidence:
    """What is known of the window; None or empty where it could not be measured.

    `asked_ns` is the length that the profile asks for; `steady_load` is false where the schedule changes the rate. Busy
    figures are in cores; `target_cores` is how many the target could run on, `shared_cores` those that both client and
    target could run on. Only if there are any it is known what their threads and those of the trial's other processes
    (`threads_beside`) did. `fullest_target` is the process of the target with the fewest descriptors left. Of the
    target's `target_processes` when the window began, `target_processes_ended` were gone when it ended. `clock_set_ns`
    is by how much the wall clock was set, `clock_asleep_ns` how long the machine slept, `clock_corrected_ns` how far
    the monotonic clock was slewed from its own pace. `control_groups` are those with a limit; for `memory_pressure_ns`
    some process of the machine waited for memory. `users` of a closed load send again as soon as they have their
    response; None where that is not so. `in_flight` has how long ago the requests had been sent that were in flight
    when the window ended, `service_times` the times of those that were answered, `unexpected_statuses` how many answers
    had which status that was not expected of them. With `connects_per_request` the profile asks for no keep-alive, with
    `answers_are_matched` it says what the answers of WebSockets contain. `clock` is that of a machine of a cluster.
    """

    asked_ns: int | None = None
    steady_load: bool = True
    client_busy_by_worker: tuple[float, ...] = ()
    target_busy: float | None = None
    target_cores: int = 1
    shared_cores: tuple[int, ...] = ()
    target_threads: tuple[ThreadUse, ...] = ()
    client_threads: tuple[ThreadUse, ...] = ()
    threads_beside: tuple[ThreadUse, ...] = ()
    pools: tuple[CorePool, ...] = ()
    listen_queue: ListenQueueUse | None = None
    fullest_target: DescriptorUse | None = None
    target_processes: int = 0
    target_processes_ended: int = 0
    clock_set_ns: int = 0
    clock_asleep_ns: int = 0
    clock_corrected_ns: int = 0
    control_groups: tuple[ControlGroupUse, ...] = ()
    memory_pressure_ns: int | None = None
    users: int | None = None
    in_flight: Histogram | None = None
    service_times: Histogram | None = None
    connects_per_request: bool = False
    answers_are_matched: bool = False
    unexpected_statuses: Mapping[str, int] = field(default_factory=dict)
    clock: ClockResult | None = None

    def pool(self, owner: Literal["target", "client"]) -> CorePool | None:
        """Return the cores that one of the two had for itself."""
        return next((pool for pool in self.pools if pool.owner == owner), None)


def format_cores(cores: Iterable[int]) -> str:
    """Return the numbers of cores for people, neighbours joined as the kernel writes them: "cores 0-3, 8"."""
    ranges: list[list[int]] = []
    for core in sorted(cores):
        if ranges and core == ranges[-1][-1] + 1:
            ranges[-1].append(core)
        else:
            ranges.append([core])
    numbers = ", ".join(f"{each[0]}-{each[-1]}" if len(each) > 1 else str(each[0]) for each in ranges)
    return f"core {numbers}" if numbers.isdigit() else f"cores {numbers}"
