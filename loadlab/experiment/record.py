"""What the load workers of a trial recorded: everything merged, by kind of request, and interval by interval."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Snapshot, Totals
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.model import Interval

_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request in the load. One that is `apart` does not count in the trial's own figures: slow senders."""

    name: str
    apart: bool = False


class TrialRecord:
    """The snapshots of all load workers, merged exactly. Workers tell of the kinds in the order of `kinds`.

    Snapshots are kept as they came, a few kilobytes each, and not as histograms of a quarter of a megabyte.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.kinds = kinds
        self.totals = Totals()
        self.by_kind = [Totals() for _ in kinds]
        self._intervals: list[dict[str, Sequence[Snapshot]]] = []  # each by worker, and then by kind
        self._seen: dict[str, int] = {}

    def add(self, sender: str, snapshots: Sequence[Snapshot]) -> None:
        """Add the next interval of one worker, a snapshot for each kind."""
        number = self._seen.get(sender, 0)
        self._seen[sender] = number + 1
        if number == len(self._intervals):
            self._intervals.append({})
        self._intervals[number][sender] = snapshots
        for totals, snapshot in zip(self.by_kind, snapshots, strict=True):
            totals.add(snapshot)
        for snapshot in self._counting(snapshots):
            self.totals.add(snapshot)

    def add_undone(self, cut: int, dropped: int) -> None:
        """Add what one worker left undone at the window's end: requests under way, and those it never sent."""
        self.totals.outcomes[Outcome.CUT] += cut
        if dropped:  # in the closed model nothing can be
            self.totals.outcomes[Outcome.DROPPED] += dropped

    @property
    def requests(self) -> int:
        """Requests answered as expected."""
        return self.totals.outcomes[Outcome.OK]

    @property
    def window_ns(self) -> int:
        """The time that is covered, from the start of the measured window."""
        return max((snapshot.end_ns for interval in self._intervals for snapshot in _all(interval)), default=0)

    def last_rate(self) -> float:
        """Return the requests per second of the last interval that all workers have told of, or of the first."""
        told = [interval for interval in self._intervals if len(interval) == len(self._seen)] or self._intervals[:1]
        return sum(
            snapshot.outcomes.get(Outcome.OK, 0) * _SECOND_NS / (snapshot.end_ns - snapshot.start_ns)
            for snapshots in told[-1].values()
            for snapshot in self._counting(snapshots)
        )

    def intervals(self) -> list[Interval]:
        """Return throughput over time."""
        return [
            Interval(
                start=_start_seconds(interval),
                end=_end_seconds(interval),
                requests=sum(
                    snapshot.outcomes.get(Outcome.OK, 0)
                    for snapshots in interval.values()
                    for snapshot in self._counting(snapshots)
                ),
            )
            for interval in self._intervals
        ]

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each interval, all workers merged, as `histograms` names them."""
        for interval in self._intervals:
            merged = TrialRecord(self.kinds)
            for sender, snapshots in interval.items():
                merged.add(sender, snapshots)
            yield LatencyInterval(_start_seconds(interval), _end_seconds(interval), merged.histograms())

    def histograms(self) -> dict[str, Histogram]:
        """Return all histograms: by metric, and where there are several kinds, by metric/kind too."""
        found = {metric.value: histogram for metric, histogram in self.totals.histograms.items()}
        if len(self.kinds) > 1:
            for kind, totals in zip(self.kinds, self.by_kind, strict=True):
                found[f"{Metric.RESPONSE}/{kind.name}"] = totals.histograms[Metric.RESPONSE]
        return found

    def _counting(self, snapshots: Sequence[Snapshot]) -> Iterator[Snapshot]:
        return (snapshot for kind, snapshot in zip(self.kinds, snapshots, strict=True) if not kind.apart)


def _all(interval: dict[str, Sequence[Snapshot]]) -> Iterable[Snapshot]:
    return (snapshot for snapshots in interval.values() for snapshot in snapshots)


def _start_seconds(interval: dict[str, Sequence[Snapshot]]) -> float:
    return min(snapshot.start_ns for snapshot in _all(interval)) / _SECOND_NS


def _end_seconds(interval: dict[str, Sequence[Snapshot]]) -> float:
    return max(snapshot.end_ns for snapshot in _all(interval)) / _SECOND_NS
