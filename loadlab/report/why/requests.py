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
    return _per_request(probe.target, _requests(probe)) if probe.target else {}


def client_calls(probe: SyscallsProbe) -> dict[str, CallsOfRequest]:
    """Return the client's calls in the same pass, divided by the same requests."""
    return _per_request(probe.client, _requests(probe)) if probe.client else {}


def _requests(probe: SyscallsProbe) -> float:
    """How many requests were answered in the tracer's pass, 0 where that is not known: by the target's calls."""
    for call in probe.target.calls if probe.target else ():
        if per_request := probe.calls_per_request.get(call.name):
            return call.calls / per_request
    return 0.0


def _per_request(profile: SyscallProfile, requests: float) -> dict[str, CallsOfRequest]:
    if not requests:
        return {}
    return {
        call.name: CallsOfRequest(
            call.name, call.calls / requests, None if call.time_ns is None else call.time_ns / requests
        )
        for call in profile.calls
    }
