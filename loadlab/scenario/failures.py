"""Why requests of a scenario fail, as their outcomes and as the exceptions that httpx has for it."""

from collections.abc import Mapping
from typing import Final, NoReturn

import httpx

from loadlab.load.failures import Failure, request_failure
from loadlab.recording.outcomes import Outcome

Timeouts = Mapping[str, float | None]
"""Of httpx: seconds for connect, read, write and pool; None for no limit."""

_NEVER_NS: Final = 10**18


class RequestFailed(Exception):
    """Why a request failed: the cause of the exception of httpx's that the scenario gets."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def timeout_ns(limits: Timeouts, phase: str) -> int:
    """Return the limit of a phase of a request in ns."""
    seconds = limits.get(phase)
    return _NEVER_NS if seconds is None else int(seconds * 1e9)


def failure_in(phase: str, error: Exception) -> Failure:
    """Return why a request failed in a phase: write or read."""
    failure = request_failure(error)
    if phase == "write" and failure.outcome is Outcome.TIMEOUT:
        return Failure(Outcome.TIMEOUT, "the server did not take all of the request in time", failure.errno)
    return failure


def raise_as_httpx(failure: Failure, request: httpx.Request, phase: str) -> NoReturn:
    """Raise the exception that httpx has for the failure of a request in a phase: pool, connect, write or read."""
    kind: type[httpx.TransportError]
    match failure.outcome, phase:
        case Outcome.CONNECT_TIMEOUT, _:
            kind = httpx.ConnectTimeout
        case Outcome.TIMEOUT, "connect":
            kind = httpx.PoolTimeout
        case Outcome.TIMEOUT, "write":
            kind = httpx.WriteTimeout
        case Outcome.TIMEOUT, _:
            kind = httpx.ReadTimeout
        case ((Outcome.MALFORMED | Outcome.TOO_LARGE | Outcome.CLOSED_EARLY), _):
            kind = httpx.RemoteProtocolError
        case _, "connect":
            kind = httpx.ConnectError
        case _, "write":
            kind = httpx.WriteError
        case _:
            kind = httpx.ReadError
    raise kind(failure.reason, request=request) from RequestFailed(failure)
