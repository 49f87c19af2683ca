"""The system calls of one request, as the tracer's pass counted and timed them."""

from dataclasses import dataclass

from loadlab.results.model import SyscallsProbe
from loadlab.results.syscalls import SyscallProfile


@dataclass(frozen=True, slots=True)
class CallsOfRequest:
    """One kind of call: how many a request took, and their time from entry to return; None where it was not taken."""

    name: str
    calls: float
    time_ns: float | None

    @property
    def mean_ns(self) -> float | None:
        """The time of one call."""
        return None if self.time_ns is None or not self.calls else self.time_ns / self.calls


def target_calls(probe: SyscallsProbe) -> dict[str, CallsOfRequest]:
    """Return the target's calls by name, the most frequent first; empty where none were counted."""
    return _per_request(probe, probe.target)


def client_calls(probe: SyscallsProbe) -> dict[str, CallsOfRequest]:
    """Return the client's calls in the same pass, of the same requests."""
    return _per_request(probe, probe.client)


def _per_request(probe: SyscallsProbe, profile: SyscallProfile | None) -> dict[str, CallsOfRequest]:
    requests = probe.requests_within(profile.window_ns) if profile else 0.0
    if not profile or not requests:
        return {}
    return {
        call.name: CallsOfRequest(
            call.name, call.calls / requests, None if call.time_ns is None else call.time_ns / requests
        )
        for call in profile.calls
    }
