"""How one request can end. A failure is a value that is counted; an exception means a bug or a usage error."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one request, or of an attempt to connect."""

    OK = "ok"
    STATUS = "status"  # answered, but not with the expected status
    UNEXPECTED = "unexpected"  # answered with the expected status, but not with the expected header or body
    REFUSED = "refused"  # no socket listens there
    CONNECT_TIMEOUT = "connect_timeout"
    TIMEOUT = "timeout"  # connected and sent, no complete answer in time
    RESET = "reset"  # the peer ended the connection with a reset
    CLOSED_EARLY = "closed_early"  # the peer ended the connection before the answer was complete
    TLS = "tls"  # the handshake failed, or the session later
    MALFORMED = "malformed"  # what came is not HTTP
    TOO_LARGE = "too_large"  # an answer past the limit of head or body
    NO_FILE_DESCRIPTOR = "no_file_descriptor"
    NO_LOCAL_PORT = "no_local_port"
    NO_MEMORY = "no_memory"  # for the kernel's socket buffers
    UNREACHABLE = "unreachable"  # no route, or a firewall
    SCRIPT_ERROR = "script_error"  # of an iteration of a scenario, or a step: an exception of its own code
    DROPPED = "dropped"  # intended, never sent
    CUT = "cut"  # in flight, or waiting to connect, when the measured window ended; neither a success nor a failure


FAILURES = frozenset(Outcome) - {Outcome.OK, Outcome.CUT}
