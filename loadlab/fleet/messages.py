"""What the coordinator and its worker processes say to each other: one JSON object a line.

Everything a process needs is in its part; nothing refers to one host's clock or memory, so that a fleet on several
machines can send the same messages. A process that finds its standard input ended ends itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from loadlab.load.requests import STAMPED_EVERY

if TYPE_CHECKING:  # it imports numpy, which takes more than all else in an idle holder: 8 MB
    from loadlab.load.schedule import ArrivalProcess, ThinkTimes


@dataclass(frozen=True, slots=True)
class LoadPart:
    """To a load worker, first: its share of the load. `sources` are (local address or None, connections).

    With a `schedule` for the whole load, ramps of (ns, rate at its begin, rate at its end), requests arrive by it, and
    this is part number `share` of `shares`; over the last `spin_ns` before each the worker does not sleep. Without one
    each connection sends when its last answer is there, after `think_ns` if that is not 0.

    `kinds` are the requests to choose from, each (bytes as latin-1, expected status, weight); `seed` fixes the choice.
    `senders` are fast or slow, which is a byte every `pace_ns`; `slow_connections` more send the first kind like that,
    and are recorded apart. One answer of `stamped_every` is asked when it arrived.
    """

    host: str
    port: int
    sources: list[tuple[str | None, int]]
    kinds: list[tuple[str, int, int]]
    seed: int
    senders: str
    slow_connections: int
    pace_ns: int
    timeout_ns: int
    warmup_ns: int
    duration_ns: int
    interval_ns: int
    schedule: list[tuple[int, float, float]] = field(default_factory=list)
    arrivals: "ArrivalProcess" = "constant"
    share: int = 0
    shares: int = 1
    stamped_every: int = STAMPED_EVERY
    spin_ns: int = 0
    think_ns: int = 0
    think_times: "ThinkTimes" = "constant"


@dataclass(frozen=True, slots=True)
class IdlePart:
    """To an idle holder, first: the connections to open and hold; `behaviour` is silent, trickle or churn."""

    host: str
    port: int
    sources: list[tuple[str | None, int]]
    request: str  # latin-1
    round_size: int
    timeout_ns: int
    behaviour: str
    pace_ns: int


@dataclass(frozen=True, slots=True)
class Start:
    """To a load worker: begin the warm-up at this wall-clock time (Unix, ns)."""

    unix_ns: int


@dataclass(frozen=True, slots=True)
class Stop:
    """To a load worker: stop sending, once its window is over; it goes on after it until told so."""


@dataclass(frozen=True, slots=True)
class CountAlive:
    """To an idle holder: answer with Alive."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From a load worker: connected, waiting for Start."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """From a load worker, each interval of the measured window: one recording.Snapshot (plain) for each kind of
    request. That of the slow senders, if there are any, comes last.
    """

    snapshots: list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Finished:
    """From a load worker: it has stopped. When its window ended, so many requests were under way or just about to be
    (`cut`), and so many more had arrived by the schedule but found no free connection (`dropped`).
    """

    cut: int
    dropped: int


@dataclass(frozen=True, slots=True)
class OpenedSoFar:
    """From an idle holder, while it opens."""

    opened: int


@dataclass(frozen=True, slots=True)
class Opened:
    """From an idle holder: done opening; `problem` says why if some are missing."""

    opened: int
    seconds: float
    bytes_per_connection: float
    problem: str | None


@dataclass(frozen=True, slots=True)
class Alive:
    """From an idle holder, when asked: how many connections still stand."""

    alive: int


Message = LoadPart | IdlePart | Start | Stop | CountAlive | Ready | Recorded | Finished | OpenedSoFar | Opened | Alive
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (LoadPart, IdlePart, Start, Stop, CountAlive, Ready, Recorded, Finished, OpenedSoFar, Opened, Alive)
}


def encode_message(message: Message) -> bytes:
    """Return the line for `message`, with its newline."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode("ascii") + b"\n"


def decode_message(line: bytes) -> Message:
    """Read one line. Raises ValueError if it is none of ours."""
    fields = json.loads(line)
    try:
        for pairs in {"sources", "kinds", "schedule"} & fields.keys():
            fields[pairs] = [tuple(entry) for entry in fields[pairs]]
        return _KINDS[fields.pop("kind")](**fields)
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"not a message of the fleet: {line[:200]!r}") from None


class LineBuffer:
    """Cuts a byte stream into whole lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the lines that they complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines
