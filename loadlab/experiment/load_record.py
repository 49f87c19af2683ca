"""What the load workers of a trial recorded, merged: over its window, or over its rounds."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

from msgspec.structs import replace as replace_fields

from loadlab.errors import TrialFailed
from loadlab.experiment.context import SoFar
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.schema import LoadProfile
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.recording.recorder import EACH_INTERVAL, OF_STREAMS, ONCE_A_WINDOW, Metric, Snapshot, Totals
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.model import Interval
from loadlab.tls import TlsSession

_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RecordedKind:
    """A kind of request. One that is `apart` does not count in the trial's own figures: slow senders."""

    name: str
    apart: bool = False


def kinds_of(profile: LoadProfile) -> list[RecordedKind]:
    """Return the kinds of requests that the load workers record, in their order."""
    kinds = [RecordedKind(name) for name in profile.kind_names]
    return [*kinds, RecordedKind(SLOW_SENDERS, apart=True)] if profile.load.slow_connections else kinds


@dataclass(frozen=True, slots=True)
class RecordedRound:
    """One of several windows: how much time it covered, and the requests answered as expected with their times."""

    window_ns: int
    requests: int
    response: Histogram


class LoadRecord:
    """The snapshots of all load workers for one window, merged exactly. Workers record the kinds in order of `kinds`.

    Snapshots are kept as they came, a few kilobytes each, and not as histograms of a quarter of a megabyte.
    """

    def __init__(self, kinds: Sequence[RecordedKind]) -> None:
        self.kinds = kinds
        self.totals = Totals()
        self.by_kind = [Totals() for _ in kinds]
        self.tls: TlsSession | None = None  # what handshakes agreed on
        self.carried_over = 0  # requests in flight when the window began
        self.compared = 0  # answers that were compared with an expected body and headers
        self.cut_ages = Histogram()  # how long ago those in flight when it ended had been sent
        self.finished_later = Totals()  # what became of them
        self.answered_before = 0  # requests answered in warm-ups
        self.active_ns = 0  # how long the workers were not silent in the last window
        self._intervals: list[dict[str, Sequence[Snapshot]]] = []  # each by worker, and then by kind
        self._rest: list[Sequence[Snapshot]] = []  # by worker, and then by kind
        self._seen: dict[str, int] = {}
        self._rounds: list[int] = []  # the number of the first interval of each
        self._passed_ns = 0  # the time covered by the rounds before the current one

    def begin_round(self) -> None:
        """Let what comes follow what is there, as another window on the same rig."""
        self._passed_ns, self.active_ns = self.window_ns, 0
        self._rounds.append(len(self._intervals))
        self._seen = dict.fromkeys(self._seen, len(self._intervals))

    def last_round(self) -> RecordedRound:
        """Return what was recorded in the current round so far."""
        requests, response = 0, Histogram()
        for interval in self._intervals[self._rounds[-1] :]:
            for snapshot in chain.from_iterable(map(self._counting, interval.values())):
                requests += snapshot.outcomes.get(Outcome.OK, 0)
                response.absorb(snapshot.histograms[Metric.RESPONSE])
        return RecordedRound(self.window_ns - self._passed_ns, requests, response)

    def add(self, sender: str, snapshots: Sequence[Snapshot]) -> None:
        """Add the next interval of one worker, a snapshot for each kind."""
        if self._passed_ns:
            snapshots = [
                replace_fields(each, start_ns=each.start_ns + self._passed_ns, end_ns=each.end_ns + self._passed_ns)
                for each in snapshots
            ]
        number = self._seen.get(sender, self._rounds[-1] if self._rounds else 0)
        self._seen[sender] = number + 1
        if number == len(self._intervals):
            self._intervals.append({})
        self._intervals[number][sender] = snapshots
        self._count(snapshots)

    def add_rest(self, snapshots: Sequence[Snapshot]) -> None:
        """Add what one worker recorded of its whole window beside its intervals, a snapshot for each kind."""
        self._rest.append(snapshots)
        self._count(snapshots)

    def add_undone(self, cut: Sequence[int], dropped: Sequence[int]) -> None:
        """Add what one worker left undone at the window's end, by kind: requests in flight, and those never sent."""
        for kind, totals, in_flight, never_sent in zip(self.kinds, self.by_kind, cut, dropped, strict=True):
            for counted in (totals,) if kind.apart else (totals, self.totals):
                counted.outcomes[Outcome.CUT] += in_flight
                if never_sent:  # in the closed model nothing can be
                    counted.outcomes[Outcome.DROPPED] += never_sent

    def add_finished_later(self, snapshots: Sequence[Snapshot]) -> None:
        """Add what became of one worker's requests that were in flight at the window's end, by kind."""
        for snapshot in self._counting(snapshots):
            self.finished_later.add(snapshot)

    @property
    def requests(self) -> int:
        """Requests answered as expected."""
        return self.totals.outcomes[Outcome.OK]

    @property
    def failed(self) -> int:
        """Requests that failed."""
        return sum(self.totals.outcomes[outcome] for outcome in FAILURES)

    @property
    def served(self) -> int:
        """Requests answered as expected, those of warm-ups and those in flight at the end included."""
        return self.requests + self.answered_before + self.finished_later.outcomes[Outcome.OK]

    @property
    def window_ns(self) -> int:
        """The time that is covered, from the start of the measured window; of all rounds together."""
        last = self._intervals[self._rounds[-1] if self._rounds else 0 :]
        return max((snapshot.end_ns for interval in last for snapshot in _all(interval)), default=self._passed_ns)

    def so_far(self) -> SoFar:
        """Return what an observer is shown of a window under way."""
        return SoFar(self.last_rate(), self.requests, self.failed, self.totals.histograms[Metric.RESPONSE])

    def last_rate(self) -> float:
        """Return the requests per second of the last interval that all workers have reported, or of the first."""
        last = self._intervals[-2:]
        whole = [interval for interval in last if len(interval) == len(self._seen)] or last[:1]
        return sum(
            snapshot.outcomes.get(Outcome.OK, 0) * _SECOND_NS / (snapshot.end_ns - snapshot.start_ns)
            for snapshots in whole[-1].values()
            for snapshot in self._counting(snapshots)
        )

    def intervals(self) -> list[Interval]:
        """Return throughput over time: in each interval of a window, or each of several rounds."""
        return [
            Interval(
                start=_start_seconds(stretch),
                end=_end_seconds(stretch),
                requests=sum(
                    snapshot.outcomes.get(Outcome.OK, 0)
                    for snapshots in stretch
                    for snapshot in self._counting(snapshots)
                ),
            )
            for stretch in self._stretches()
            if stretch
        ]

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each interval or round, all workers merged, and last those of the whole window.

        They are named by their metric, and where there are several kinds, by metric/kind too.
        """
        for stretch in filter(None, self._stretches()):
            yield LatencyInterval(_start_seconds(stretch), _end_seconds(stretch), self._merged(stretch, EACH_INTERVAL))
        if self._rest:
            yield LatencyInterval(0.0, self.window_ns / _SECOND_NS, self._merged(self._rest, ONCE_A_WINDOW))

    def times(self, metric: Metric) -> list[Histogram]:
        """Return the histogram of a metric in each interval or round, all workers merged."""
        return [self._times(stretch, metric, None) for stretch in self._stretches()]

    def response_times_by_kind(self) -> dict[str, list[Histogram]]:
        """Return the response times in each interval or round by kind of request, where there are several kinds."""
        if len(self.kinds) == 1:
            return {}
        stretches = [*self._stretches()]
        return {
            kind.name: [self._times(stretch, Metric.RESPONSE, number) for stretch in stretches]
            for number, kind in enumerate(self.kinds)
        }

    def _times(self, stretch: Iterable[Sequence[Snapshot]], metric: Metric, kind: int | None) -> Histogram:
        """Return the histogram of a metric in a stretch, of one kind of request or of all that count."""
        merged = Histogram()
        for snapshots in stretch:
            for snapshot in self._counting(snapshots) if kind is None else [snapshots[kind]]:
                merged.absorb(snapshot.histograms[metric])
        return merged

    def _stretches(self) -> Iterator[list[Sequence[Snapshot]]]:
        """Yield what all workers recorded in each interval, or in each round where there are rounds: maybe nothing."""
        starts = self._rounds or range(len(self._intervals))
        for first, end in pairwise([*starts, len(self._intervals)]):
            yield [snapshots for interval in self._intervals[first:end] for snapshots in interval.values()]

    def _merged(self, by_worker: Iterable[Sequence[Snapshot]], metrics: Collection[Metric]) -> dict[str, Histogram]:
        merged = LoadRecord(self.kinds)
        for snapshots in by_worker:
            merged._count(snapshots)
        histograms = merged.totals.histograms
        found = {
            metric.value: histograms[metric]
            for metric in metrics
            if histograms[metric].count or metric not in OF_STREAMS
        }
        if len(self.kinds) > 1 and Metric.RESPONSE in metrics:
            for kind, totals in zip(self.kinds, merged.by_kind, strict=True):
                found[f"{Metric.RESPONSE}/{kind.name}"] = totals.histograms[Metric.RESPONSE]
        return found

    def _count(self, snapshots: Sequence[Snapshot]) -> None:
        for totals, snapshot in zip(self.by_kind, snapshots, strict=True):
            totals.add(snapshot)
        for snapshot in self._counting(snapshots):
            self.totals.add(snapshot)

    def _counting(self, snapshots: Sequence[Snapshot]) -> Iterator[Snapshot]:
        return (snapshot for kind, snapshot in zip(self.kinds, snapshots, strict=True) if not kind.apart)


def read_snapshots(sender: str, encoded: Sequence[bytes]) -> list[Snapshot]:
    """Return the snapshots that a worker sent. Raises TrialFailed, with whose they are, if they cannot be read."""
    try:
        return [Snapshot.from_bytes(each) for each in encoded]
    except ValueError as error:
        raise TrialFailed(f"{sender} reported something that cannot be read ({error})") from None


def _all(interval: dict[str, Sequence[Snapshot]]) -> Iterable[Snapshot]:
    return (snapshot for snapshots in interval.values() for snapshot in snapshots)


def _start_seconds(stretch: Sequence[Sequence[Snapshot]]) -> float:
    return min(snapshot.start_ns for snapshots in stretch for snapshot in snapshots) / _SECOND_NS


def _end_seconds(stretch: Sequence[Sequence[Snapshot]]) -> float:
    return max(snapshot.end_ns for snapshots in stretch for snapshot in snapshots) / _SECOND_NS
