"""What the probes found, as run.json and the run directory keep it: TCP, system calls, CPU profiles."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    """Data that travels: frozen, and strict about names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SocketCounters(Document):
    """Counters of TCP: segments sent again, accept queues that were full, connections dropped there, resets sent."""

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


SyscallBackend = Literal["bpftrace", "perf", "strace"]

Buckets = list[tuple[int, int]]
"""A histogram: (upper bound, count) for each bucket that is not empty, by rising bound, which itself belongs to the
bucket. The bounds are 0, 1, 3, 7, 15 and so on, each bucket twice as wide as the one before."""

WAIT_CALLS: Final = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6")
"""The calls that wait for many descriptors at once and return how many are ready."""


class CallCount(Document):
    """The calls of one kind. What the backend cannot tell is null.

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
    def mean_events_per_wait(self) -> float | None:
        """How many events a waiting call returned on average, all kinds of wait together; None if nobody could see."""
        calls = sum(wait.calls for wait in self.waits or [])
        return sum(wait.events for wait in self.waits or []) / calls if calls else None


def calls_per_request(profile: SyscallProfile, requests: float) -> dict[str, float]:
    """Return the calls of each kind by name, divided by the requests of the same window; empty without requests."""
    if not requests:
        return {}
    return {call.name: call.calls / requests for call in profile.calls}


def eagain_per_request(profile: SyscallProfile, requests: float) -> float | None:
    """Return how many calls per request were in vain, None without requests or where the backend cannot tell."""
    found = [call.eagain for call in profile.calls if call.eagain is not None]
    return sum(found) / requests if requests and found else None


def events_per_wait(profile: SyscallProfile) -> dict[str, float]:
    """Return the mean number of events that a call of each kind of wait returned, by name."""
    return {wait.name: wait.events / wait.calls for wait in profile.waits or [] if wait.calls}


CpuBackend = Literal["py-spy", "perf"]
FrameKind = Literal["python", "javascript", "native", "kernel"]
Side = Literal["target", "client"]
Stack = tuple[str, ...]
Stacks = Mapping[Stack, int]
"""How many samples found each stack."""

KERNEL_MARK: Final = "_[k]"
_PYTHON_PLACE: Final = re.compile(r" \((?:[^()]*\.py|<[^()]*>):\d+\)$")
_JAVASCRIPT_PLACE: Final = re.compile(r" \((?:[^()]*\.[cm]?js|node:[^()]*):\d+\)$")
# A frame that ended a line or began the next frame would change what the file says.
_ESCAPES: Final = str.maketrans({";": ":", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class RecordedStacks:
    """What one backend saw. `lost` counts samples that it could not take or keep.

    `blocking` tells whether it stopped the watched processes for each sample; `notes` are sentences for the reader.
    """

    backend: CpuBackend
    rate_hz: int
    stacks: Stacks
    lost: int
    blocking: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CpuRecording:
    """What all backends saw of one group of processes; `missing` says in a sentence each what could not be had."""

    recorded: tuple[RecordedStacks, ...]
    missing: tuple[str, ...]


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

    There is a profile for each backend that ran. They are samples of the same threads by different clocks, so they
    are never added up; docs/flame-graphs.md says why. `missing` names what could not be had, and what would give it.
    """

    backend: str
    profiles: list[StackProfile]
    missing: list[str]


def folded_file(side: Side, backend: CpuBackend) -> str:
    """Return the name of the file of folded stacks in a trial's directory."""
    return f"cpu-{side}-{backend}.folded"


def format_folded(stacks: Stacks) -> str:
    """Return the text that flame graph tools read, in an order that does not depend on that of the samples."""
    return "".join(
        f"{';'.join(frame.translate(_ESCAPES) for frame in stack)} {count}\n" for stack, count in sorted(stacks.items())
    )


def parse_folded(text: str) -> dict[Stack, int]:
    """Return the stacks of a folded file. Raises ValueError for a line that is none."""
    return count_stacks(_parse_line(number, line) for number, line in enumerate(text.split("\n"), 1) if line)


def count_stacks(counted: Iterable[tuple[Stack, int]]) -> dict[Stack, int]:
    """Return stacks with their counts, those that are alike added up."""
    stacks: dict[Stack, int] = {}
    for stack, count in counted:
        stacks[stack] = stacks.get(stack, 0) + count
    return stacks


def kind_of(frame: str) -> FrameKind:
    """Return what ran in a frame, by how it is written. The first frame of a stack is a thread: do not ask for it."""
    if frame.endswith(KERNEL_MARK):
        return "kernel"
    if _PYTHON_PLACE.search(frame):
        return "python"
    return "javascript" if _JAVASCRIPT_PLACE.search(frame) else "native"


def _parse_line(number: int, line: str) -> tuple[Stack, int]:
    frames, _, count = line.rpartition(" ")
    if not frames or not (count.isascii() and count.isdigit()):
        raise ValueError(f"line {number} is not a stack and a count")
    return tuple(frames.split(";")), int(count)
