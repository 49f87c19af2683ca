"""What the coordinator and its worker processes say to each other: one JSON object a line.

Everything a process needs is in its part; nothing refers to one host's clock or memory, so that a fleet on several
machines can send the same messages. A process that finds its standard input ended ends itself.

msgspec reads and checks the messages: unlike pydantic it costs an idle holder, which is to stay small, no memory to
speak of. Bytes travel as base64.
"""

from typing import Final, Literal

import msgspec

from loadlab.load.stamping import STAMPED_EVERY
from loadlab.protocols.answers import AnswerEnd
from loadlab.protocols.openings import IdleOpening, Opening, Protocol
from loadlab.recording.trace import TraceEvent
from loadlab.tls import TlsSession, TlsSettings


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What messages are made of."""


class _Message(_Part, frozen=True, tag=True):
    """Its kind, the name of its class, is written as `type`."""


class Endpoint(_Part, frozen=True):
    """Where to connect, and from which local addresses: (address or None for the kernel's choice, connections).

    `address` is an IP address and a port, or the path of a Unix socket. With `tls` all connections are encrypted.
    """

    address: tuple[str, int] | str
    sources: list[tuple[str | None, int]]
    tls: TlsSettings | None = None


class WeightedRequest(_Part, frozen=True):
    """A kind of request: what is sent, in turn, what is expected, and how often it is drawn among others.

    The body of an answer is to contain `expected_body`, and headers the text beside their name. `end` is how the end of
    an answer is known where it is not HTTP. With `streams` it is timed when the body begins, and each piece of it.
    """

    contents: list[bytes]
    statuses: list[int]
    weight: int = 1
    method: str = "GET"
    expected_body: bytes | None = None
    expected_headers: list[tuple[bytes, bytes]] = []
    end: AnswerEnd | None = None
    streams: bool = False


class ClosedPacing(_Part, frozen=True, tag=True):
    """Each connection sends when its last answer has been received, after `think_ns` if that is not 0.

    With `requests` the part has so many in a window, which ends with the last of them if it has not ended before.
    """

    think_ns: int = 0
    think_times: Literal["constant", "exponential"] = "constant"
    requests: int | None = None


class OpenPacing(_Part, frozen=True, tag=True):
    """Requests are sent by a schedule for the whole load: ramps of (ns, rate at its begin, rate at its end).

    Over the last `spin_ns` before each request the worker does not sleep.
    """

    ramps: list[tuple[int, float, float]]
    arrivals: Literal["constant", "poisson"]
    spin_ns: int


class SlowSending(_Part, frozen=True):
    """Who sends a byte every `pace_ns`: all connections of the part, and `connections` more, recorded apart."""

    all: bool
    connections: int
    pace_ns: int


class ScenarioPart(_Part, frozen=True):
    """A scenario in Python, in place of requests: which function of which file, and what its users are given.

    `files` are the sources by their paths: that of `main`, and those that it imports from its folder. User i of a part
    is number share + i x shares of the load, and has row i of `rows` by `columns`, which are used in turn if there are
    fewer. `authority` is the target's, as in the header Host. `statuses` of answers are as expected. `shared` is what
    `setup` returned, as JSON; null without. In the phases setup and teardown only that function is called, and in
    `trace` a single iteration, which is reported exchange by exchange. Beside this machine it may ask the hosts
    `allow_remote`.
    """

    function: str
    main: str
    files: dict[str, str]
    authority: str
    statuses: list[int]
    columns: list[str] = []
    rows: list[list[str]] = []
    shared: bytes = b"null"
    allow_remote: list[str] = []
    phase: Literal["load", "setup", "teardown", "trace"] = "load"


class KindLabel(_Part, frozen=True):
    """The name of what is recorded apart: a request of that name, a step of a scenario, or a whole iteration."""

    level: Literal["request", "step", "iteration"]
    name: str


class CheckCount(_Part, frozen=True):
    """How many times a check of a scenario passed and failed in a window."""

    name: str
    passed: int
    failed: int


class Blocking(_Part, frozen=True):
    """A line of a scenario, such as `shop.py:17`, that held up its worker, how many times and for how long at most."""

    where: str
    code: str
    times: int
    longest_ns: int


class LoadPart(_Message, frozen=True):
    """To a load worker, first: number `share` of `shares` parts of the load.

    Where: `endpoint`, on a connection for each request or on connections that are kept, each of which begins with an
    `opening` if there is one. What: `requests` of a `protocol`, one of them drawn each time by a generator that `seed`
    fixes, and who sends slowly. When: `pacing`, within the windows of a
    `Plan`; and again, with `retry`, where the server had ended the connection. How recorded: overdue after
    `timeout_ns`, and for at least one answer of `stamped_every` the kernel is asked when it arrived.
    """

    share: int
    shares: int
    endpoint: Endpoint
    requests: list[WeightedRequest]
    seed: int
    pacing: ClosedPacing | OpenPacing
    slow: SlowSending
    timeout_ns: int
    stamped_every: int = STAMPED_EVERY
    retry: bool = True
    per_request: bool = False
    protocol: Protocol = "http"
    opening: Opening | None = None
    scenario: ScenarioPart | None = None


class IdlePart(_Message, frozen=True):
    """To an idle holder, first: the connections to open and hold.

    With an `opening` it is carried out on each; otherwise `request` asks for an answer behind each round.
    """

    endpoint: Endpoint
    request: bytes
    round_size: int
    timeout_ns: int
    behaviour: Literal["silent", "trickle", "churn"]
    pace_ns: int
    opening: IdleOpening | None = None


class PlannedWindow(_Part, frozen=True):
    """A stretch to measure: it begins at `start_unix_ns` on the wall clock, after a warm-up that is not recorded."""

    start_unix_ns: int
    warmup_ns: int
    duration_ns: int
    interval_ns: int  # how often the worker reports within it


class Plan(_Message, frozen=True):
    """To a load worker: the windows to come, in order. Outside of them it sends nothing; its connections stay open."""

    windows: list[PlannedWindow]


class CountAlive(_Message, frozen=True):
    """To an idle holder: answer with Alive."""


class Ready(_Message, frozen=True):
    """From a load worker: connected, waiting for a Plan."""


class Recorded(_Message, frozen=True):
    """From a load worker, for each interval of a window: a recording.Snapshot for each kind of request, encoded.

    That of the slow senders, if there are any, comes last. Times count from the start of the window. Kinds that a
    scenario finds while it runs are named by `labels`, in the same order; without labels they are the part's.
    """

    snapshots: list[bytes]
    labels: list[KindLabel] = []


class Finished(_Message, frozen=True):
    """From a load worker: a window of its plan is over. Lists are by kind of request, slow senders' last.

    When it ended, `cut` requests were in flight or about to be sent, and `dropped` more were due by the schedule but
    found no free connection. `rest` has a recording.Snapshot for each kind, encoded: the metrics that are not in those
    of the intervals, over the whole window. `carried_over` requests were in flight when it began: their outcomes count
    in it. `cut_ages` has how long ago those in flight at its end had been sent, as Histogram.drain writes it; slow
    senders have none. `compared` answers were compared with an expected body or headers. `tls` is the session of the
    first connection, if they are encrypted. `answered_before` requests were answered as expected in its warm-up.
    `labels` are as in Recorded. `checks` and `blocking` are what a scenario checked, and the lines that held it up.
    """

    cut: list[int]
    dropped: list[int]
    rest: list[bytes]
    carried_over: int = 0
    cut_ages: bytes = b""
    compared: int = 0
    tls: TlsSession | None = None
    answered_before: int = 0
    labels: list[KindLabel] = []
    checks: list[CheckCount] = []
    blocking: list[Blocking] = []


class Drained(_Message, frozen=True):
    """From a load worker, after Finished: what was in flight has been answered or given up; it is idle now.

    `snapshots` has a recording.Snapshot of these requests for each kind, encoded, with their response times. For
    `active_ns`, from the beginning of the warm-up until now, it was not silent.
    """

    snapshots: list[bytes] = []
    active_ns: int = 0
    labels: list[KindLabel] = []


class Prepared(_Message, frozen=True):
    """From a worker in the phases setup and teardown: done. `shared` is what `setup` returned, as JSON."""

    shared: bytes = b"null"


class Leave(_Message, frozen=True):
    """To a load worker with a scenario: let its users take their leave (`on_stop`), and answer with Left."""


class Left(_Message, frozen=True):
    """From a load worker with a scenario: its users have taken their leave. `problems` are those of a few."""

    problems: list[str] = []


class ScenarioFailed(_Message, frozen=True):
    """From a worker: the scenario cannot be run. `text` says why, with the lines of the user's own files."""

    text: str


class Traced(_Message, frozen=True):
    """From a worker in the phase trace: what happened next."""

    event: TraceEvent


class OpenedSoFar(_Message, frozen=True):
    """From an idle holder, while it opens."""

    opened: int


class Opened(_Message, frozen=True):
    """From an idle holder: done opening; `problem` says why if some are missing."""

    opened: int
    seconds: float
    bytes_per_connection: float
    problem: str | None


class Alive(_Message, frozen=True):
    """From an idle holder, when asked: how many connections are still established.

    Since they were opened `pings` of the server have been answered, and `received_bytes` have come.
    """

    alive: int
    pings: int = 0
    received_bytes: int = 0


Message = (
    LoadPart
    | IdlePart
    | Plan
    | CountAlive
    | Ready
    | Recorded
    | Finished
    | Drained
    | OpenedSoFar
    | Opened
    | Alive
    | Prepared
    | Leave
    | Left
    | ScenarioFailed
    | Traced
)

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)


class MalformedMessage(ValueError):
    """A line that is no message of the fleet; the text quotes its beginning."""


def encode_message(message: Message) -> bytes:
    """Return the line for `message`, with its newline."""
    return _ENCODER.encode(message) + b"\n"


def decode_message(line: bytes) -> Message:
    """Read one line. Raises MalformedMessage if it is none of ours."""
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedMessage(f"not a message of the fleet: {line[:200]!r}") from None


class LineBuffer:
    """Cuts a byte stream into whole lines."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # in pieces: a line with prepared requests has tens of megabytes

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the lines that they complete."""
        if b"\n" not in data:
            self._rest.append(data)
            return []
        *lines, rest = b"".join([*self._rest, data]).split(b"\n")
        self._rest = [rest]
        return lines
