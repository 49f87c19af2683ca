"""What the load workers of a trial recorded, merged: over its window, or over its rounds."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final, NamedTuple

from msgspec.structs import replace as replace_fields

from loadlab.errors import TrialFailed
from loadlab.experiment.context import SoFar
from loadlab.experiment.recorded_kinds import RecordedKind, RecordedKinds
from loadlab.fleet.messages import Blocking, CheckCount, KindLabel
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.recording.recorder import EACH_INTERVAL, OF_STREAMS, ONCE_A_WINDOW, Metric, Snapshot, Totals
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.requests import BlockingCode, CheckResult, Interval
from loadlab.tls import TlsSession

_SECOND_NS: Final = 1_000_000_000
# An interval over hundreds of rounds takes a tenth of a second to compute.
_MOST_KINDS_BY_ROUND: Final = 50


@dataclass(frozen=True, slots=True)
class RecordedRound:
    """One of several windows: how much time it covered, and the requests answered as expected with their times."""

    window_ns: int
    requests: int
    response: Histogram


class _Report(NamedTuple):
    """What one worker recorded at once: the numbers of kinds, and a snapshot of each."""

    kinds: Sequence[int]
    snapshots: Sequence[Snapshot]


class LoadRecord:
    """The snapshots of all load workers for one window, merged exactly.

    Each call that adds what a worker reported by kind has the `labels` of its message, which say which kinds these are;
    without labels they are `kinds`, in this order. `totals` are those of all kinds that are not apart, `by_kind` each
    by itself, in the order of `kinds`.

    Snapshots are kept as they came, a few kilobytes each, and not as histograms of a quarter of a megabyte.
    """

    def __init__(self, kinds: RecordedKinds) -> None:
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
        # Where workers are on several machines: of all kinds that are not apart, and of a scenario's iterations.
        self.by_machine: dict[str, Totals] = {}
        self.iterations_by_machine: dict[str, Totals] = {}
        self._intervals: list[dict[str, _Report]] = []  # each by worker
        self._rest: list[_Report] = []  # of each worker, once a window
        self._checks: dict[str, Counter[bool]] = {}
        self._blocking: dict[tuple[str, str], BlockingCode] = {}
        self._seen: dict[str, int] = {}
        self._rounds: list[int] = []  # the number of the first interval of each
        self._passed_ns = 0  # the time covered by the rounds before the current one

    def begin_round(self) -> None:
        """Let what comes follow what is there, as another window on the same rig.

        Iterations of a scenario that were under way go on in it, and only what its last window cuts is cut.
        """
        of_iterations = (
            totals for kind, totals in zip(self.kinds, self.by_kind, strict=True) if kind.level == "iteration"
        )
        for totals in (*of_iterations, *self.iterations_by_machine.values()):
            del totals.outcomes[Outcome.CUT]
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

    def add(self, sender: str, snapshots: Sequence[Snapshot], labels: Sequence[KindLabel] = ()) -> None:
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
        report = self._intervals[number][sender] = _Report(self._numbers_of(labels), snapshots)
        self._count(report, sender)

    def add_rest(self, snapshots: Sequence[Snapshot], labels: Sequence[KindLabel] = (), sender: str = "") -> None:
        """Add what one worker recorded of its whole window beside its intervals, a snapshot for each kind."""
        report = _Report(self._numbers_of(labels), snapshots)
        self._rest.append(report)
        self._count(report, sender)

    def add_undone(
        self, cut: Sequence[int], dropped: Sequence[int], labels: Sequence[KindLabel] = (), sender: str = ""
    ) -> None:
        """Add what one worker left undone at the window's end, by kind: requests in flight, and those never sent."""
        for number, in_flight, never_sent in zip(self._numbers_of(labels), cut, dropped, strict=True):
            kind, totals = self.kinds[number], self.by_kind[number]
            of_machine = self._of_machine(sender, self.iterations_by_machine) if kind.level == "iteration" else []
            if not kind.apart:
                of_machine = [self.totals, *self._of_machine(sender, self.by_machine)]
            for counted in (totals, *of_machine):
                counted.outcomes[Outcome.CUT] += in_flight
                if never_sent:  # in the closed model nothing can be
                    counted.outcomes[Outcome.DROPPED] += never_sent

    def add_finished_later(self, snapshots: Sequence[Snapshot], labels: Sequence[KindLabel] = ()) -> None:
        """Add what became of one worker's requests that were in flight at the window's end, by kind."""
        for snapshot in self._counting(_Report(self._numbers_of(labels), snapshots)):
            self.finished_later.add(snapshot)

    def add_checks(self, checks: Iterable[CheckCount]) -> None:
        """Add what one worker's users checked in a window."""
        for check in checks:
            counted = self._checks.setdefault(check.name, Counter())
            counted[True] += check.passed
            counted[False] += check.failed

    def add_blocking(self, blocking: Iterable[Blocking]) -> None:
        """Add the lines of a scenario that held up one worker in a window."""
        for each in blocking:
            known = self._blocking.get((each.where, each.code))
            self._blocking[each.where, each.code] = BlockingCode(
                where=each.where,
                code=each.code,
                times=each.times + (known.times if known else 0),
                longest_ns=max(each.longest_ns, known.longest_ns if known else 0),
            )

    @property
    def checks(self) -> list[CheckResult]:
        """The checks of a scenario, by name in the order in which they were first reported."""
        return [
            CheckResult(name=name, passed=counted[True], failed=counted[False])
            for name, counted in self._checks.items()
        ]

    @property
    def blocking(self) -> list[BlockingCode]:
        """The lines of a scenario that held up a worker; those first that took most time, as far as that is known."""
        return sorted(self._blocking.values(), key=lambda code: -code.times * code.longest_ns)

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
        return SoFar(
            self.last_rate(),
            self.requests,
            self.failed,
            self.totals.histograms[Metric.RESPONSE],
            self._last_rate(self._of_iterations) if self.kinds.are_found else None,
        )

    def last_rate(self) -> float:
        """Return the requests per second of the last interval that all workers have reported, or of the first."""
        return self._last_rate(self._counting)

    def intervals(self) -> list[Interval]:
        """Return throughput over time: in each interval of a window, or each of several rounds."""
        return [
            Interval(
                start=_start_seconds(stretch),
                end=_end_seconds(stretch),
                requests=sum(
                    snapshot.outcomes.get(Outcome.OK, 0) for report in stretch for snapshot in self._counting(report)
                ),
            )
            for stretch in self._stretches()
            if any(report.snapshots for report in stretch)
        ]

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each interval or round, all workers merged, and last those of the whole window.

        They are named by their metric, and where there are several kinds, by metric/kind too. Those of a scenario, of
        which there may be hundreds, are of the whole window only.
        """
        for stretch in self._stretches():
            if any(report.snapshots for report in stretch):
                found = self._merged(stretch, EACH_INTERVAL)
                yield LatencyInterval(_start_seconds(stretch), _end_seconds(stretch), found)
        whole = self._merged(self._rest, ONCE_A_WINDOW) if self._rest else {}
        if self.kinds.are_found:
            whole |= self._by_tag()
        if whole:
            yield LatencyInterval(0.0, self.window_ns / _SECOND_NS, whole)

    def times(self, metric: Metric) -> list[Histogram]:
        """Return the histogram of a metric in each interval or round, all workers merged."""
        return [self._times(stretch, metric, None) for stretch in self._stretches()]

    def iterations(self) -> list[int]:
        """Return how many iterations of a scenario ended as expected in each interval or round."""
        return [
            sum(snapshot.outcomes.get(Outcome.OK, 0) for report in stretch for snapshot in self._of_iterations(report))
            for stretch in self._stretches()
        ]

    def response_times_by_kind(self) -> Iterator[tuple[RecordedKind, list[Histogram]]]:
        """Yield the response times in each interval or round by kind, where figures of each are listed.

        Of a scenario with very many kinds those are left out that were seen least.
        """
        if not self.kinds.are_listed:
            return
        stretches = [*self._stretches()]
        by_number = sorted(range(len(self.kinds)), key=lambda number: -self.by_kind[number].outcomes[Outcome.OK])
        for number in sorted(by_number[:_MOST_KINDS_BY_ROUND]):
            yield self.kinds[number], [self._times(stretch, Metric.RESPONSE, number) for stretch in stretches]

    def _times(self, stretch: Iterable[_Report], metric: Metric, kind: int | None) -> Histogram:
        """Return the histogram of a metric in a stretch, of one kind of request or of all that count."""
        merged = Histogram()
        for report in stretch:
            for snapshot in self._counting(report) if kind is None else _of_kind(report, kind):
                merged.absorb(snapshot.histograms.get(metric, b""))
        return merged

    def _stretches(self) -> Iterator[list[_Report]]:
        """Yield what all workers recorded in each interval, or in each round where there are rounds: maybe nothing."""
        starts = self._rounds or range(len(self._intervals))
        for first, end in pairwise([*starts, len(self._intervals)]):
            yield [report for interval in self._intervals[first:end] for report in interval.values()]

    def _merged(self, reports: Sequence[_Report], metrics: Collection[Metric]) -> dict[str, Histogram]:
        histograms = {metric: self._times(reports, metric, None) for metric in metrics}
        found = {
            metric.value: histogram
            for metric, histogram in histograms.items()
            if histogram.count or metric not in OF_STREAMS
        }
        if len(self.kinds) > 1 and not self.kinds.are_found and Metric.RESPONSE in metrics:
            for number, kind in enumerate(self.kinds):
                found[f"{Metric.RESPONSE}/{kind.tag}"] = self._times(reports, Metric.RESPONSE, number)
        return found

    def _by_tag(self) -> dict[str, Histogram]:
        """Return the response times of each kind over the whole window by its tag, which two may have in common."""
        found: dict[str, Histogram] = {}
        for kind, totals in zip(self.kinds, self.by_kind, strict=True):
            if totals.histograms[Metric.RESPONSE].count:
                found.setdefault(f"{Metric.RESPONSE}/{kind.tag}", Histogram()).merge(totals.histograms[Metric.RESPONSE])
        return found

    def _last_rate(self, counted: Callable[[_Report], Iterable[Snapshot]]) -> float:
        last = self._intervals[-2:]
        whole = [interval for interval in last if len(interval) == len(self._seen)] or last[:1]
        return sum(
            snapshot.outcomes.get(Outcome.OK, 0) * _SECOND_NS / (snapshot.end_ns - snapshot.start_ns)
            for report in whole[-1].values()
            for snapshot in counted(report)
        )

    def _numbers_of(self, labels: Sequence[KindLabel]) -> Sequence[int]:
        numbers = self.kinds.numbers_of(labels)
        while len(self.by_kind) < len(self.kinds):
            self.by_kind.append(Totals())
        return numbers

    def _count(self, report: _Report, sender: str) -> None:
        for number, snapshot in zip(*report, strict=True):
            self.by_kind[number].add(snapshot)
        for totals in (self.totals, *self._of_machine(sender, self.by_machine)):
            for snapshot in self._counting(report):
                totals.add(snapshot)
        for snapshot in self._of_iterations(report):
            for totals in self._of_machine(sender, self.iterations_by_machine):
                totals.add(snapshot)

    def _of_machine(self, sender: str, by_machine: dict[str, Totals]) -> list[Totals]:
        """Return the totals of the machine that a sender is on; none where it is one on this machine alone."""
        _, _, machine = sender.partition(" on ")
        return [by_machine.setdefault(machine, Totals())] if machine else []

    def _counting(self, report: _Report) -> Iterator[Snapshot]:
        return (snapshot for number, snapshot in zip(*report, strict=True) if not self.kinds[number].apart)

    def _of_iterations(self, report: _Report) -> Iterator[Snapshot]:
        return (snapshot for number, snapshot in zip(*report, strict=True) if self.kinds[number].level == "iteration")


def read_snapshots(sender: str, encoded: Sequence[bytes]) -> list[Snapshot]:
    """Return the snapshots that a worker sent. Raises TrialFailed, with whose they are, if they cannot be read."""
    try:
        return [Snapshot.from_bytes(each) for each in encoded]
    except ValueError as error:
        raise TrialFailed(f"{sender} reported something that cannot be read ({error})") from None


def _of_kind(report: _Report, kind: int) -> Iterator[Snapshot]:
    return (snapshot for number, snapshot in zip(*report, strict=True) if number == kind)


def _all(interval: dict[str, _Report]) -> Iterable[Snapshot]:
    return chain.from_iterable(report.snapshots for report in interval.values())


def _start_seconds(stretch: Sequence[_Report]) -> float:
    return min(snapshot.start_ns for report in stretch for snapshot in report.snapshots) / _SECOND_NS


def _end_seconds(stretch: Sequence[_Report]) -> float:
    return max(snapshot.end_ns for report in stretch for snapshot in report.snapshots) / _SECOND_NS
