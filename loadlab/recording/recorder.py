"""What a load worker records while it runs: appends on the hot path, folded into histograms in batches.

An append of a plain integer costs about 15 ns; `fold`, called up to 250 times a second, counts what was appended, all
times of a request at once, in 0.2 to 0.5 us. Recording each value into an HdrHistogram at once would cost 0.8 to 1.5 us
(benchmarks/recording.py).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from loadlab.recording.buckets import BucketRows
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import Outcome

Times = NDArray[np.int64]

SAMPLES_OF_OUTCOME: Final = 3
"""Failures of each outcome that are kept with their reasons."""

OTHER: Final = {"request": "other requests", "step": "other steps", "check": "other checks"}
"""What is recorded under one name, once a scenario has used too many."""

_RECEIVED_BYTES: Final = 200


class Metric(StrEnum):
    """The times of one request. response = lateness + service, and service = wire + dispatch, exactly."""

    RESPONSE = "response"  # done - intended: what a user feels
    SERVICE = "service"  # done - sent: what closed-loop tools report
    LATENESS = "lateness"  # sent - intended: how late the request left
    WIRE = "wire"  # ready - sent: network and server, until epoll reported the answer
    DISPATCH = "dispatch"  # done - ready: from epoll's return to the response being parsed
    CLIENT = "client"  # done - arrived: what this client added since the kernel had the answer; of a sample only
    CONNECT = "connect"  # of a connection: from connect(2) until it was established
    HANDSHAKE = "handshake"  # of a connection with TLS: from then until the handshake was done
    UPGRADE = "upgrade"  # of a WebSocket: from its opening request being sent until the server had agreed
    FIRST = "first"  # of an answer that is a stream: from sent until its first event or the first of its body was read
    GAP = "gap"  # from one event of a stream, or piece of a body, to the next
    DELAY = "delay"  # of an event that says when the server sent it: from then until it was read


OF_STREAMS: Final = (Metric.FIRST, Metric.GAP, Metric.DELAY)
"""The times of streams and of answers that are streamed; other loads have none."""

EACH_INTERVAL: Final = (Metric.RESPONSE, Metric.SERVICE, *OF_STREAMS)
"""What is shown over time, or by rounds: these times are reported at the end of each interval.

Those of streams, where there are none, add 22 bytes to a report and nothing to the 0.15 ms that it takes.
"""

ONCE_A_WINDOW: Final = tuple(metric for metric in Metric if metric not in EACH_INTERVAL)
"""The parts of the others: reported at the end of the measured window, when reporting delays no request."""


_ROWS: Final = {metric: row for row, metric in enumerate(Metric)}
_PROMPT: Final = len(_ROWS)  # a row for service times that are response times too, until they are taken
_PARTS: Final = (_ROWS[Metric.WIRE], _ROWS[Metric.DISPATCH])
_OF_PROMPT: Final = (_PROMPT, *_PARTS)
_OF_LATE: Final = (_ROWS[Metric.RESPONSE], _ROWS[Metric.SERVICE], _ROWS[Metric.LATENESS], *_PARTS)


def empty_histograms() -> dict[Metric, Histogram]:
    """Return one empty histogram for each metric."""
    return {metric: Histogram() for metric in Metric}


class FailureSample(msgspec.Struct, frozen=True):
    """One failure: its outcome, what parser or kernel said, and the beginning of what had come of the answer.

    It took `after_ns`, on a connection that had carried requests before (`reused`) or was opened for it. `traceback`
    is that of a scenario's own error, its lines only.
    """

    outcome: str
    reason: str
    errno: int | None
    received: bytes
    after_ns: int
    reused: bool
    traceback: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """What one load worker recorded from `start_ns` to `end_ns`, counted from the start of the measured window.

    `outcomes` counts requests, `connects` attempts to connect by their outcome, `statuses` answers. `histograms` are by
    Metric, as Histogram.drain writes them, of those that were taken. `out_of_range` is how many of the requests that
    are ok took longer than the histograms reach (an hour). `received_bytes` counts those of events, `ended` the streams
    that the server ended, `unasked` the messages that no request had asked for, `pings` those that were answered.
    """

    start_ns: int
    end_ns: int
    outcomes: dict[str, int]
    histograms: dict[str, bytes]
    out_of_range: int
    statuses: dict[str, int]
    connects: dict[str, int]
    retried: int
    surplus: int
    samples: list[FailureSample]
    received_bytes: int = 0
    ended: int = 0
    unasked: int = 0
    pings: int = 0

    def to_bytes(self) -> bytes:
        """Return it for the wire: a few kilobytes, as most buckets are next to each other and most counts small."""
        histograms = self.histograms
        if Metric.SERVICE in histograms and histograms[Metric.SERVICE] == histograms.get(Metric.RESPONSE):
            histograms = {**histograms, Metric.SERVICE.value: _SAME}
        return _ENCODER.encode(msgspec.structs.replace(self, histograms=histograms))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises ValueError if it is nothing of that kind."""
        try:
            read = msgspec.msgpack.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a snapshot: {error}") from None
        if read.histograms.get(Metric.SERVICE) == _SAME:
            read.histograms[Metric.SERVICE.value] = read.histograms[Metric.RESPONSE]
        return read


_SAME: Final = b"="  # in the place of service times that are the response times, as they are in a closed load
_ENCODER: Final = msgspec.msgpack.Encoder()


class Recorder:
    """The samples of one load worker since the last snapshot; bounded, whatever the number of requests.

    Only requests that ended as expected have times. The hot path appends to `prompt` the service time of a request
    that was sent when it was intended (its response time is the same, its lateness 0), and to `prompt_dispatch` its
    dispatch; of any other it adds to `late` three numbers, lateness, service time and dispatch. `client` is for those
    whose arrival the kernel has stamped, `connect`, `handshake` and `upgrade` for connections, `first`, `gap` and
    `delay` for answers that are streams. `opened` counts connections, and `connects` attempts that failed.
    """

    __slots__ = ("_answered", "_rows", "_samples", "_unusual", "_usual_status", "client", "connect", "connects",
                 "delay", "ended", "first", "gap", "handshake", "late", "opened", "outcomes", "pings", "prompt",
                 "prompt_dispatch", "received_bytes", "retried", "statuses", "surplus", "unasked",
                 "upgrade")  # fmt: skip

    def __init__(self, usual_status: int = 200) -> None:
        """All answers that `count_status` does not count have the usual status; 0 where they have none."""
        self.prompt: list[int] = []
        self.prompt_dispatch: list[int] = []
        self.late: list[int] = []
        self.client: list[int] = []
        self.connect: list[int] = []
        self.handshake: list[int] = []
        self.upgrade: list[int] = []
        self.first: list[int] = []
        self.gap: list[int] = []
        self.delay: list[int] = []
        self.outcomes: Counter[Outcome] = Counter()
        self.connects: Counter[Outcome] = Counter()
        self.statuses: Counter[int] = Counter()
        self.opened = self.retried = self.surplus = 0
        self.received_bytes = self.ended = self.unasked = self.pings = 0
        self._usual_status = usual_status
        self._unusual = 0  # of the answers as expected: those counted in `statuses`
        self._samples: list[FailureSample] = []
        self._answered = 0  # of those folded
        self._rows = BucketRows(len(_ROWS) + 1)

    def count_status(self, status: int, as_expected: bool) -> None:
        """Count an answer by its status, before its times or its failure are recorded."""
        self.statuses[status] += 1
        self._unusual += as_expected

    def fail(
        self,
        outcome: Outcome,
        reason: str,
        errno: int | None,
        received: bytes,
        after_ns: int,
        reused: bool,
        traceback: str = "",
    ) -> None:
        """Count a request that failed."""
        self.outcomes[outcome] += 1
        if self.outcomes[outcome] <= SAMPLES_OF_OUTCOME:
            beginning = bytes(received[:_RECEIVED_BYTES])
            self._samples.append(FailureSample(outcome.value, reason, errno, beginning, after_ns, reused, traceback))

    def fail_to_connect(self, outcome: Outcome, reason: str, errno: int | None, after_ns: int) -> None:
        """Count an attempt to connect that failed; it is no request."""
        self.connects[outcome] += 1
        if self.connects[outcome] <= SAMPLES_OF_OUTCOME:
            self._samples.append(FailureSample(outcome.value, reason, errno, b"", after_ns, reused=False))

    @property
    def waiting(self) -> int:
        """How many requests wait to be folded."""
        return len(self.prompt) + len(self.late) // 3

    @property
    def answered(self) -> int:
        """How many requests were answered as expected since the last snapshot."""
        return self._answered + self.waiting

    def fold(self) -> None:
        """Move the samples appended so far into buckets."""
        if count := len(self.prompt):
            times = np.empty((3, count), np.int64)  # in the order of _OF_PROMPT
            service, wire, dispatch = times
            service[:] = np.fromiter(self.prompt, np.int64, count)
            dispatch[:] = np.fromiter(self.prompt_dispatch, np.int64, count)
            self._fold(_OF_PROMPT, times, service, wire, dispatch)
            self.prompt.clear()
            self.prompt_dispatch.clear()
        if count := len(self.late) // 3:
            times = np.empty((5, count), np.int64)  # in the order of _OF_LATE
            response, service, lateness, wire, dispatch = times
            lateness[:], service[:], dispatch[:] = np.fromiter(self.late, np.int64, 3 * count).reshape(count, 3).T
            np.add(lateness, service, out=response)
            self._fold(_OF_LATE, times, service, wire, dispatch)
            self.late.clear()
        for metric, values in (
            (Metric.CLIENT, self.client),
            (Metric.CONNECT, self.connect),
            (Metric.HANDSHAKE, self.handshake),
            (Metric.UPGRADE, self.upgrade),
            (Metric.FIRST, self.first),
            (Metric.GAP, self.gap),
            (Metric.DELAY, self.delay),
        ):
            if values:
                self._rows.fold([_ROWS[metric]], np.array([values], np.int64))
                values.clear()

    def _fold(self, rows: Sequence[int], times: Times, service: Times, wire: Times, dispatch: Times) -> None:
        self._answered += len(service)
        # An answer that was there before epoll was asked again belongs to a batch older than its request.
        np.minimum(dispatch, service, out=dispatch)
        np.subtract(service, dispatch, out=wire)
        self._rows.fold(rows, times)

    def take(self, start_ns: int, end_ns: int, metrics: Collection[Metric] = tuple(Metric)) -> Snapshot:
        """Return the outcomes since the last call, and the times of these metrics since they were taken last."""
        self.fold()
        rows, response = self._rows, _ROWS[Metric.RESPONSE]
        rows.repeat(_PROMPT, onto=(response, _ROWS[Metric.SERVICE]), zeros=_ROWS[Metric.LATENESS])
        out_of_range = rows.out_of_range[response] if Metric.RESPONSE in metrics else 0
        self.statuses[self._usual_status] += self._answered - self._unusual
        snapshot = Snapshot(
            start_ns,
            end_ns,
            {Outcome.OK.value: self._answered} | {outcome.value: count for outcome, count in self.outcomes.items()},
            {metric.value: rows.drain(_ROWS[metric]) for metric in metrics},
            out_of_range,
            {str(status): count for status, count in self.statuses.items() if count and status},
            self._counted_connects(),
            self.retried,
            self.surplus,
            self._samples,
            self.received_bytes,
            self.ended,
            self.unasked,
            self.pings,
        )
        self._answered = self._unusual = self.opened = self.retried = self.surplus = 0
        self.received_bytes = self.ended = self.unasked = self.pings = 0
        self._samples = []
        for counts in (self.outcomes, self.connects, self.statuses):
            counts.clear()
        return snapshot

    def _counted_connects(self) -> dict[str, int]:
        opened = {Outcome.OK.value: self.opened} if self.opened else {}
        return opened | {outcome.value: count for outcome, count in self.connects.items()}


class Totals:
    """Snapshots of any number of workers and intervals, merged exactly. Of samples the first few are kept."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.connects: Counter[str] = Counter()
        self.retried = self.surplus = self.received_bytes = self.ended = self.unasked = self.pings = 0
        self.samples: list[FailureSample] = []
        self.histograms: dict[Metric, Histogram] = _Histograms()
        self.out_of_range = 0
        self._sampled: Counter[str] = Counter()

    def add(self, snapshot: Snapshot) -> None:
        """Add one snapshot."""
        self.outcomes.update(snapshot.outcomes)
        self.statuses.update(snapshot.statuses)
        self.connects.update(snapshot.connects)
        self.retried += snapshot.retried
        self.surplus += snapshot.surplus
        self.received_bytes += snapshot.received_bytes
        self.ended += snapshot.ended
        self.unasked += snapshot.unasked
        self.pings += snapshot.pings
        self.out_of_range += snapshot.out_of_range
        for sample in snapshot.samples:
            self._sampled[sample.outcome] += 1
            if self._sampled[sample.outcome] <= SAMPLES_OF_OUTCOME:
                self.samples.append(sample)
        for metric, drained in snapshot.histograms.items():
            if drained:
                self.histograms[Metric(metric)].absorb(drained)


class _Histograms(dict[Metric, Histogram]):
    """Histograms by metric, each made when it is asked for: of hundreds of kinds, a quarter of a megabyte each."""

    def __missing__(self, metric: Metric) -> Histogram:
        histogram = self[metric] = Histogram()
        return histogram
