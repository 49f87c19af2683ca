"""Why a request failed: its outcome, and what the parser or the operating system said of it."""

import errno
import os
from dataclasses import dataclass
from typing import Final

from loadlab.protocols.answers import (
    ANSWER_FAILURES,
    MalformedResponse,
    OpeningRefused,
    ResponseCutShort,
    ResponseTooLarge,
)
from loadlab.protocols.http1 import MAX_BODY_BYTES, MAX_HEAD_BYTES
from loadlab.recording.outcomes import Outcome
from loadlab.tls import TlsError

REQUEST_FAILURES: Final = (OSError, *ANSWER_FAILURES)
"""What an exchange may raise that is a result, not a bug."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request or an attempt to connect ended, the reason in words, and the errno if there was one.

    `status` is that of the answer, or the code of a WebSocket's end, where there was one.
    """

    outcome: Outcome
    reason: str
    errno: int | None = None
    status: int | None = None


def connecting_failure(error: Exception, missed: str = "connection") -> Failure:
    """Return why a connection could not be made; `missed` is what did not come about in time, if that is why.

    Raises `error` again where it means a bug.
    """
    if isinstance(error, TimeoutError):
        return Failure(Outcome.CONNECT_TIMEOUT, f"no {missed} in time", error.errno)
    return request_failure(error)


def request_failure(error: Exception) -> Failure:
    """Return how a request ended that was ended by `error`. Errors that mean a bug are raised again."""
    match error:
        case TimeoutError():  # also the kernel's, which gives up on a peer that acknowledges nothing
            return Failure(Outcome.TIMEOUT, "no complete answer in time", error.errno)
        case MalformedResponse():
            return Failure(Outcome.MALFORMED, str(error))
        case ResponseTooLarge():
            by_default = f"more than {MAX_HEAD_BYTES:,} bytes of head or {MAX_BODY_BYTES:,} of body"
            return Failure(Outcome.TOO_LARGE, str(error) or by_default)
        case OpeningRefused(status=status):
            return Failure(Outcome.STATUS, str(error), status=status)
        case ResponseCutShort(status=status):
            reason = str(error) or "the connection ended before the answer was complete"
            return Failure(Outcome.CLOSED_EARLY, reason, status=status)
        case TlsError():
            return Failure(Outcome.TLS, str(error))
        case OSError(errno=int(number)) if number in _OUTCOME_BY_ERRNO:
            return Failure(_OUTCOME_BY_ERRNO[number], os.strerror(number), number)
    raise error


_OUTCOME_BY_ERRNO: Final[dict[int, Outcome]] = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ENOENT: Outcome.REFUSED,  # no Unix socket of that name
    errno.EPROTOTYPE: Outcome.REFUSED,  # it is one for datagrams
    errno.ECONNRESET: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.EMFILE: Outcome.NO_FILE_DESCRIPTOR,
    errno.ENFILE: Outcome.NO_FILE_DESCRIPTOR,
    errno.EADDRNOTAVAIL: Outcome.NO_LOCAL_PORT,
    errno.EADDRINUSE: Outcome.NO_LOCAL_PORT,
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.EHOSTDOWN: Outcome.UNREACHABLE,
    errno.ENETDOWN: Outcome.UNREACHABLE,
    errno.EPERM: Outcome.UNREACHABLE,  # a firewall on this host
    errno.EACCES: Outcome.UNREACHABLE,
    errno.ENOBUFS: Outcome.NO_MEMORY,
    errno.ENOMEM: Outcome.NO_MEMORY,
}
