"""What the probes found, as run.json has it: use of processes, TCP, system calls, CPU profiles."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from loadlab.processes.proc import TICK_NS


class Document(BaseModel):
    """Data that travels: frozen, and strict about names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


_TICKS_TO_DIVIDE_BY: Final = 5


Side = Literal["target", "client"]


class ControlGroupUse(Document):
    """What a control group's limits did within the window to the sides that it `holds`.

    `quota_cores` is for how many cores it has CPU time in each period, null without a limit. In `throttled_periods` of
    its `periods` the quota was used up, and what runs in the group stood still for the rest of the period;
    `throttled_ns` is how long, counted for each core apart. `memory_high` is how often it exceeded its memory.high. The
    pressures are for how long some process in it waited for a core, or for memory; null where they are not counted.
    """

    group: str
    holds: list[Side]
    quota_cores: float | None = None
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0
    memory_high: int | None = None
    cpu_pressure_ns: int | None = None
    memory_pressure_ns: int | None = None

    @property
    def throttled_share(self) -> float:
        """The part of its periods in which it was throttled, 0 to 1."""
        return self.throttled_periods / self.periods if self.periods else 0.0


class Pressure(Document):
    """For how long in the window some process of the machine waited for a core, or for memory; null if unknown."""

    cpu_ns: int | None = None
    memory_ns: int | None = None


class ProcessState(Document):
    """What a group of processes had at one moment, by the kernel's /proc.

    `rss_bytes` counts memory that processes share once for each of them, `pss_bytes` divides it among them: with forked
    processes only the latter adds up. It costs a walk over all pages, so it is null within the measured window.
    """

    processes: int
    threads: int
    rss_bytes: int
    pss_bytes: int | None = None
    open_descriptors: int | None = None


class ProcessUsage(ProcessState):
    """What a group of processes used over an interval, usually the measured window, and its state at the end.

    `involuntary_switches` are those of `context_switches` at which a process lost its core to another;
    `run_queue_wait_ns` is how long its threads were ready and waited for a core. User and system time add up to the CPU
    clocks of the processes, and divide as the kernel's ticks do: without a tick all is user time. Per request they are
    null where there are too few ticks to divide by.
    """

    cpu_user_ns: int
    cpu_system_ns: int
    context_switches: int
    involuntary_switches: int = 0
    run_queue_wait_ns: int = 0
    window_ns: int
    cpu_ns_per_request: float | None = None
    cpu_user_ns_per_request: float | None = None
    cpu_system_ns_per_request: float | None = None
    context_switches_per_request: float | None = None
    run_queue_wait_ns_per_request: float | None = None

    @property
    def cpu_ns(self) -> int:
        """User and system time together."""
        return self.cpu_user_ns + self.cpu_system_ns

    @property
    def busy(self) -> float:
        """Cores kept busy on average over the window: 1.0 is one core all the time."""
        return self.cpu_ns / self.window_ns if self.window_ns else 0.0

    @property
    def is_divisible(self) -> bool:
        """Whether there are enough ticks to divide CPU time into user and system time."""
        return self.cpu_ns >= _TICKS_TO_DIVIDE_BY * TICK_NS


class ProcfsProbe(Document):
    """What target and client used over the window, interval by interval, and what they had when the first one began."""

    target: list[ProcessUsage]
    client: list[ProcessUsage]
    target_at_start: ProcessState | None = None
    client_at_start: ProcessState | None = None


class SocketCounters(Document):
    """Counters of TCP: segments retransmitted, full listen queues, connections dropped there, resets sent."""

    retransmitted: int
    listen_overflows: int
    listen_drops: int
    resets_sent: int

    def since(self, earlier: "SocketCounters") -> "SocketCounters":
        """Return how much was counted since an earlier reading."""
        return SocketCounters(
            **{name: value - getattr(earlier, name) for name, value in self.model_dump().items()},
        )


class SocketsReading(Document):
    """TCP at one moment: sockets in use, in TIME_WAIT, without a process; the memory of their buffers; the counters.

    `at_ns` is the time since the first reading.
    """

    at_ns: int | None = None
    in_use: int
    time_wait: int
    orphans: int
    buffers_bytes: int
    counters: SocketCounters


class SocketsProbe(Document):
    """TCP on the whole machine at points of the window, the first at its start, and what was counted from then on."""

    readings: list[SocketsReading]
    counted: SocketCounters


SyscallBackend = Literal["bpftrace", "perf", "strace"]

Buckets = list[tuple[int, int]]
"""A histogram: (upper bound, count) for each bucket that is not empty, by rising bound, which itself belongs to the
bucket. The bounds are 0, 1, 3, 7, 15 and so on, each bucket twice as wide as the one before."""

WAIT_CALLS: Final = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6")
"""The calls that wait for many descriptors at once and return how many are ready."""


class CallCount(Document):
    """The calls of one kind. What the backend cannot see is null.

    `time_ns` is from entry to return, all calls together, waiting included. `latency_ns` is the same, call by call.
    `eagain` counts those of the `errors` that found nothing to read or no room to write.
    """

    name: str
    calls: int
    errors: int | None = None
    eagain: int | None = None
    time_ns: int | None = None
    latency_ns: Buckets | None = None


class EventsPerWait(Document):
    """How many descriptors each call of one kind of wait found ready; a bucket with bound 0 holds the time-outs.

    `calls` counts those that did not fail, `events` is the sum over them.
    """

    name: str
    calls: int
    events: int
    histogram: Buckets


class SyscallProfile(Document):
    """The system calls of the watched processes over `window_ns`, the most frequent kind first.

    `unlisted` counts the calls that the backend knows in total only, not by kind. `waits` is null where the backend
    cannot see what a call returns.
    """

    backend: SyscallBackend
    window_ns: int
    calls: list[CallCount]
    unlisted: int = 0
    waits: list[EventsPerWait] | None = None

    @property
    def total(self) -> int:
        """Calls of all kinds."""
        return sum(call.calls for call in self.calls) + self.unlisted

    @property
    def events_per_wait(self) -> dict[str, float]:
        """The mean number of events that a call of each kind of wait returned, by name."""
        return {wait.name: wait.events / wait.calls for wait in self.waits or [] if wait.calls}

    @property
    def mean_events_per_wait(self) -> float | None:
        """The mean over all kinds of wait together; None if the backend could not see it."""
        calls = sum(wait.calls for wait in self.waits or [])
        return sum(wait.events for wait in self.waits or []) / calls if calls else None

    def calls_per_request(self, requests: float) -> dict[str, float]:
        """Return the calls of each kind by name, divided by the requests of the same window; empty without requests."""
        return {call.name: call.calls / requests for call in self.calls} if requests else {}

    def eagain_per_request(self, requests: float) -> float | None:
        """Return how many calls per request returned EAGAIN; None if not counted, or without requests."""
        found = [call.eagain for call in self.calls if call.eagain is not None]
        return sum(found) / requests if requests and found else None


class SyscallsProbe(Document):
    """The system calls of a further pass of the trial: those of the target per request, and both sides in full.

    `slowdown` is the part of the throughput lost in that pass, or of what the target could have carried where it was
    not the target that limited it. `requests` were answered in the pass's own window of `window_ns`; both are null in
    documents of older versions. `missed` are better backends that could not be used and why.
    """

    backend: SyscallBackend | None = None
    missed: list[str] = Field(default=[])
    problems: list[str] = Field(default=[])
    slowdown: float | None = None
    requests: int | None = None
    window_ns: int | None = None
    calls_per_request: dict[str, float] = Field(default={})
    eagain_per_request: float | None = None
    events_per_wait: dict[str, float] = Field(default={})
    target: SyscallProfile | None = None
    client: SyscallProfile | None = None

    def requests_within(self, window_ns: int) -> float:
        """Return how many requests the pass answered in a tracer's window, which is not quite its own; 0 if unknown."""
        return self.requests * window_ns / self.window_ns if self.requests and self.window_ns else 0.0


CpuBackend = Literal["py-spy", "perf"]


class FunctionShare(Document):
    """A function's part of all samples, from 0 to 1: itself, and with all that it called."""

    name: str
    self_share: float
    total_share: float


class StackProfile(Document):
    """One backend's profile: its stacks are in `file` in the trial's directory; `top` are the ten busiest functions."""

    backend: CpuBackend
    file: Annotated[str, Field(pattern=r"^cpu-[a-z-]+\.folded$")]
    rate_hz: int
    samples: int
    lost: int
    blocking: bool
    notes: list[str]
    top: list[FunctionShare]


class CpuProfile(Document):
    """Where a group of processes spent its CPU time in the measured window.

    There is a profile for each backend that ran. They sample the same threads by different clocks, so they are never
    added up; docs/flame-graphs.md says why. `missing` names the backends that could not be used, with the fix.
    """

    backend: str
    profiles: list[StackProfile]
    missing: list[str]


class CpuProbe(Document):
    """Where the CPU time went, in a further pass of the trial; `slowdown` and `problems` as of SyscallsProbe."""

    slowdown: float | None = None
    problems: list[str] = Field(default=[])
    target: CpuProfile | None = None
    client: CpuProfile | None = None


class Probes(Document):
    """What each probe found; null if it was not asked for, or found nothing."""

    procfs: ProcfsProbe | None = None
    sockets: SocketsProbe | None = None
    syscalls: SyscallsProbe | None = None
    cpu: CpuProbe | None = None
