"""What the load workers of a trial recorded: everything merged, and interval by interval."""

from collections.abc import Iterator
from typing import Final

from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Snapshot, Totals
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.model import Interval

_SECOND_NS: Final = 1_000_000_000


class TrialRecord:
    """The snapshots of all load workers, merged exactly.

    Snapshots are kept as they came, a few kilobytes each, and not as histograms of a quarter of a megabyte.
    """

    def __init__(self) -> None:
        self.totals = Totals()
        self._snapshots: list[list[Snapshot]] = []  # by interval, one of each worker
        self._seen: dict[str, int] = {}

    def add(self, sender: str, snapshot: Snapshot) -> None:
        """Add the next snapshot of one worker."""
        self.totals.add(snapshot)
        number = self._seen.get(sender, 0)
        self._seen[sender] = number + 1
        if number == len(self._snapshots):
            self._snapshots.append([])
        self._snapshots[number].append(snapshot)

    def add_cut(self, cut: int) -> None:
        """Add requests that were under way when the window ended."""
        self.totals.outcomes[Outcome.CUT] += cut

    @property
    def requests(self) -> int:
        """Requests answered as expected."""
        return self.totals.outcomes[Outcome.OK]

    @property
    def window_ns(self) -> int:
        """The time that is covered, from the start of the measured window."""
        return max((snapshot.end_ns for group in self._snapshots for snapshot in group), default=0)

    def last_rate(self) -> float:
        """Return the requests per second of the last interval that all workers have told of, or of the first."""
        groups = [group for group in self._snapshots if len(group) == len(self._seen)] or self._snapshots[:1]
        return sum(
            snapshot.outcomes.get("ok", 0) * _SECOND_NS / (snapshot.end_ns - snapshot.start_ns)
            for snapshot in groups[-1]
        )

    def intervals(self) -> list[Interval]:
        """Return throughput over time."""
        return [
            Interval(
                start=min(snapshot.start_ns for snapshot in group) / _SECOND_NS,
                end=max(snapshot.end_ns for snapshot in group) / _SECOND_NS,
                requests=sum(snapshot.outcomes.get("ok", 0) for snapshot in group),
            )
            for group in self._snapshots
        ]

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each interval, all workers merged."""
        for group in self._snapshots:
            merged = Totals()
            for snapshot in group:
                merged.add(snapshot)
            yield LatencyInterval(
                start_seconds=min(snapshot.start_ns for snapshot in group) / _SECOND_NS,
                end_seconds=max(snapshot.end_ns for snapshot in group) / _SECOND_NS,
                histograms={metric.value: histogram for metric, histogram in merged.histograms.items()},
            )
