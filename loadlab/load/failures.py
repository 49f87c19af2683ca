"""From what went wrong with one request to its outcome."""

import errno
from typing import Final

from loadlab.protocols.http1 import MalformedResponse, ResponseCutShort, ResponseTooLarge
from loadlab.recording.outcomes import Outcome

REQUEST_FAILURES: Final = (OSError, ResponseCutShort, MalformedResponse, ResponseTooLarge)
"""What an exchange may raise that is a result and not a bug."""


def outcome_of_connecting(error: OSError) -> Outcome:
    """Return why a connection could not be made. Raises `error` again where it means a bug."""
    return Outcome.CONNECT_TIMEOUT if isinstance(error, TimeoutError) else outcome_of(error)


def outcome_of(error: Exception) -> Outcome:
    """Return how a request ended that was ended by `error`. Errors that mean a bug are raised again."""
    for kind, outcome in _OUTCOME_BY_ERROR.items():
        if isinstance(error, kind):
            return outcome
    if isinstance(error, OSError) and error.errno in _OUTCOME_BY_ERRNO:
        return _OUTCOME_BY_ERRNO[error.errno]
    raise error


_OUTCOME_BY_ERROR: Final[dict[type[Exception], Outcome]] = {
    MalformedResponse: Outcome.MALFORMED,
    ResponseTooLarge: Outcome.TOO_LARGE,
    ResponseCutShort: Outcome.CLOSED_EARLY,
}
_OUTCOME_BY_ERRNO: Final[dict[int, Outcome]] = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ETIMEDOUT: Outcome.TIMEOUT,  # the kernel gives up on a peer that acknowledges nothing
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
