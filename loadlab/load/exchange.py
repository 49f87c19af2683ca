"""What a user does, whatever its pace: which requests it sends where, and which answers it expects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.kernel.sockets import Address
from loadlab.kernel.tls import TlsClient
from loadlab.load.requests import NextTurn, RequestKind
from loadlab.protocols.answers import AnswerEnd, Answers
from loadlab.protocols.delimited import DelimitedAnswers
from loadlab.protocols.http1 import ResponseParsers
from loadlab.protocols.openings import Opening, Protocol
from loadlab.protocols.websocket import WebSocketAnswers
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

RECEIVE_BYTES: Final = 16 * 1024
PIECES_IN_A_TURN: Final = 16
"""That a user receives before others have their turn: one that is sent something without end must not starve them."""

PAUSE_AFTER_REFUSAL_NS: Final = 50_000_000
"""Before trying again to connect: otherwise a server that is down would keep the client busy."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a user does: send its next turn, of one of `kinds`, to `address`; expect the answer within `timeout_ns`.

    With `tls` all connections are encrypted, with `opening` each begins with it. With `per_request` each request has a
    connection of its own. Otherwise a request that is idempotent is sent again, with `retry`, if the server had ended
    its connection.

    An answer's time is when it is read, for its outcome as for its latency. One that is read after `timeout_ns` is a
    TIMEOUT and ends its connection, even if it had waited in the kernel while this process was held up: a user of this
    program has not seen it in time, and no service time may exceed the timeout. So each request has one outcome.
    (Whether the client was held up is the verdict's affair.)
    """

    address: Address
    source: str | None
    timeout_ns: int
    kinds: Sequence[RequestKind]
    next_turn: NextTurn
    retry: bool = True
    per_request: bool = False
    tls: TlsClient | None = None
    opening: Opening | None = None
    protocol: Protocol = "http"


def answers_of(kinds: Sequence[RequestKind], protocol: Protocol) -> Sequence[Answers]:
    """Return what knows the answers to each kind."""
    match protocol:
        case "websocket":
            ends = [kind.end or AnswerEnd() for kind in kinds]
            return [WebSocketAnswers(end.messages, end.matches) for end in ends]
        case "tcp":
            return [DelimitedAnswers(kind.end or AnswerEnd(), kind.contents) for kind in kinds]
        case _:
            return parsers_of(kinds)


def parsers_of(kinds: Sequence[RequestKind]) -> list[ResponseParsers]:
    """Return the parsers of responses to each kind: the same for all, but for those to HEAD, which have no body."""
    by_head = {is_head: ResponseParsers("HEAD" if is_head else "GET") for is_head in (False, True)}
    return [by_head[kind.method == "HEAD"] for kind in kinds]


def is_expected(status: int, answer: bytes, kind: RequestKind, recorder: Recorder, after_ns: int, reused: bool) -> bool:
    """Count an answer whose status is not the usual one, or that is compared; return whether it is expected."""
    outcome, reason = Outcome.STATUS, f"status {status}"
    expected = status in kind.statuses
    if expected and kind.check is not None and (difference := kind.check.difference(answer)) is not None:
        outcome, reason, expected = Outcome.UNEXPECTED, difference, False
    recorder.count_status(status, expected)
    if not expected:
        recorder.fail(outcome, reason, None, answer, after_ns, reused)
    return expected
