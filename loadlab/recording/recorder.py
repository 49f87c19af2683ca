"""What a load worker records while it runs: appends on the hot path, folded into histograms in batches.

An append of a plain integer costs about 15 ns; `fold`, called up to 250 times a second, empties the lists into
histograms at 0.02 to 0.1 us a value. Recording each value into an HdrHistogram at once would cost 0.8 to 1.5 us
(benchmarks/recording.py).
"""

import json
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import Outcome


class Metric(StrEnum):
    """The times of one request. response = lateness + service, and service = wire + dispatch, exactly."""

    RESPONSE = "response"  # done - intended: what a user feels
    SERVICE = "service"  # done - sent: what closed-loop tools report
    LATENESS = "lateness"  # sent - intended: how late the request left
    WIRE = "wire"  # ready - sent: network and server, until epoll reported the answer
    DISPATCH = "dispatch"  # done - ready: from epoll's return to the response being parsed
    CLIENT = "client"  # done - arrived: what this client added since the kernel had the answer; of a sample only


EACH_INTERVAL: Final = (Metric.RESPONSE, Metric.SERVICE)
"""What is shown over time: these times are reported at the end of each interval."""

ONCE_A_WINDOW: Final = tuple(metric for metric in Metric if metric not in EACH_INTERVAL)
"""The parts of the others: reported at the end of the measured window, when reporting delays no request."""


def empty_histograms() -> dict[Metric, Histogram]:
    """Return one empty histogram for each metric."""
    return {metric: Histogram() for metric in Metric}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one load worker recorded from `start_ns` to `end_ns`, counted from the start of the measured window.

    `out_of_range` is how many of the requests that are ok took longer than the histograms reach (an hour).
    """

    start_ns: int
    end_ns: int
    outcomes: Mapping[str, int]
    histograms: Mapping[str, bytes]  # by Metric, as Histogram.drain writes them; of those that were taken
    out_of_range: int
    statuses: Mapping[str, int]  # of the answers whose status was not the expected one

    def to_bytes(self) -> bytes:
        """Return it for the wire: a few kilobytes, as most buckets are next to each other and most counts small."""
        sizes = {metric: len(drained) for metric, drained in self.histograms.items()}
        fields = [self.start_ns, self.end_ns, self.outcomes, sizes, self.out_of_range, self.statuses]
        head = json.dumps(fields).encode("ascii")
        # Level 1 takes half the time of the default and leaves a tenth more.
        return zlib.compress(b"\n".join((head, b"".join(self.histograms.values()))), level=1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        head, _, body = zlib.decompress(data).partition(b"\n")
        start_ns, end_ns, outcomes, sizes, out_of_range, statuses = json.loads(head)
        histograms, position = {}, 0
        for metric, size in sizes.items():
            histograms[metric] = body[position : position + size]
            position += size
        return cls(start_ns, end_ns, outcomes, histograms, out_of_range, statuses)


class Recorder:
    """The samples of one load worker since the last snapshot; bounded, whatever the number of requests.

    Only requests that ended as expected have times. The hot path appends to `prompt` the service time of a request
    that was sent when it was intended (its response time is the same, its lateness 0), and to `prompt_dispatch` its
    dispatch; of any other it adds to `late` three numbers, lateness, service time and dispatch. `client` is for those
    whose arrival the kernel has stamped.
    """

    __slots__ = (
        "_answered",
        "_histograms",
        "_prompt",
        "client",
        "late",
        "outcomes",
        "prompt",
        "prompt_dispatch",
        "statuses",
    )

    def __init__(self) -> None:
        self.prompt: list[int] = []
        self.prompt_dispatch: list[int] = []
        self.late: list[int] = []
        self.client: list[int] = []
        self.outcomes: Counter[Outcome] = Counter()
        self.statuses: Counter[int] = Counter()
        self._answered = 0  # of those folded
        self._prompt = Histogram()  # apart until `take`: folded once, though it counts for response and service
        self._histograms = empty_histograms()

    def count_status(self, status: int) -> None:
        """Count an answer whose status was not the expected one."""
        self.outcomes[Outcome.STATUS] += 1
        self.statuses[status] += 1

    @property
    def waiting(self) -> int:
        """How many requests wait to be folded."""
        return len(self.prompt) + len(self.late) // 3

    def fold(self) -> None:
        """Move the samples appended so far into the histograms."""
        histograms = self._histograms
        if self.prompt:
            service = np.fromiter(self.prompt, np.int64, len(self.prompt))
            self._prompt.fold(service)
            self._fold_parts(service, np.fromiter(self.prompt_dispatch, np.int64, len(self.prompt_dispatch)))
            self.prompt.clear()
            self.prompt_dispatch.clear()
        if self.late:
            lateness, service, dispatch = np.array(self.late).reshape(-1, 3).T
            histograms[Metric.LATENESS].fold(lateness)
            histograms[Metric.SERVICE].fold(service)
            histograms[Metric.RESPONSE].fold(lateness + service)
            self._fold_parts(service, dispatch)
            self.late.clear()
        if self.client:
            histograms[Metric.CLIENT].fold(np.array(self.client))
            self.client.clear()

    def _fold_parts(self, service: NDArray[np.int64], dispatch: NDArray[np.int64]) -> None:
        self._answered += len(service)
        # An answer that was there before epoll was asked again belongs to a batch older than its request.
        dispatch = np.minimum(dispatch, service)
        self._histograms[Metric.DISPATCH].fold(dispatch)
        self._histograms[Metric.WIRE].fold(service - dispatch)

    def take(self, start_ns: int, end_ns: int, metrics: Collection[Metric] = tuple(Metric)) -> Snapshot:
        """Return the outcomes since the last call, and the times of these metrics since they were taken last."""
        self.fold()
        histograms, prompt = self._histograms, self._prompt
        histograms[Metric.RESPONSE].merge(prompt)
        histograms[Metric.SERVICE].merge(prompt)
        histograms[Metric.LATENESS].add(0, prompt.count)
        prompt.clear()
        outcomes = {Outcome.OK.value: self._answered}
        outcomes |= {outcome.value: count for outcome, count in self.outcomes.items()}
        statuses = {str(status): count for status, count in self.statuses.items()}
        self._answered = 0
        self.outcomes.clear()
        self.statuses.clear()
        out_of_range = histograms[Metric.RESPONSE].out_of_range if Metric.RESPONSE in metrics else 0
        drained = {metric.value: histograms[metric].drain() for metric in metrics}
        return Snapshot(start_ns, end_ns, outcomes, drained, out_of_range, statuses)


class Totals:
    """Snapshots of any number of workers and intervals, merged exactly."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.histograms = empty_histograms()
        self.out_of_range = 0

    def add(self, snapshot: Snapshot) -> None:
        """Add one snapshot."""
        self.outcomes.update(snapshot.outcomes)
        self.statuses.update(snapshot.statuses)
        self.out_of_range += snapshot.out_of_range
        for metric, drained in snapshot.histograms.items():
            self.histograms[Metric(metric)].absorb(drained)
