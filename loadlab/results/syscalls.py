"""What one probe saw of the system calls of some processes in the measured window, and figures per request from it."""

from typing import Final, Literal

from loadlab.results.document import Document

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
