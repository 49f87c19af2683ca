"""A comparison of two servers in the same seconds in words: the answer, how it came about, and what limits it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.failures import name_of_failure
from loadlab.profile.metrics import FAILED_REQUESTS
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.report.differences import (
    Merit,
    describe_difference,
    format_amount,
    format_change,
    format_figure,
    format_interval,
    merit_of,
    name_of,
)
from loadlab.report.measures import measure_of
from loadlab.results.paired import Difference, PairedComparison
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import Vocabulary, vocabulary_of
from loadlab.units import format_duration_ns, format_percent

VARIANT: Final = "variant"
"""The factor that distinguishes the two trials of a comparison."""

_THROUGHPUT: Final = "requests_per_second"
_SHORT: Final = {_THROUGHPUT: "{many}/s", "target.cpu_ns_per_request": "CPU per {one}", FAILED_REQUESTS: "failed"}
_CPU: Final = "target.cpu_ns_per_request"
_LIMIT: Final = "client_bound"
_DASH: Final = "\N{EN DASH}"
# Fewer slices without an answer met a stall of the machine.
_SOME_SILENT: Final = 0.05
# Requests in flight at the end of a slice do not count in it: from this share on they matter.
_MUCH_CUT: Final = 0.1
# An interval that reaches further than this, and much further than was asked for, does not say "no difference".
_UNDECIDED_FROM: Final = 0.05
_UNDECIDED_TIMES: Final = 2.0


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One row of the table: what both sides have, and by how much B differs, as text; a dash where nothing is known."""

    title: str
    short: str
    a: str
    b: str
    change: str
    interval: str
    visible: str
    merit: Merit


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The comparison with the two trials that it is of."""

    comparison: PairedComparison
    a: TrialResult
    b: TrialResult

    @property
    def words(self) -> Vocabulary:
        """The words for what both sides count."""
        return vocabulary_of((self.a, self.b))

    @property
    def count(self) -> int:
        return min(len(self.a.rounds), len(self.b.rounds))

    @property
    def on(self) -> Difference:
        """The difference that the comparison was to decide."""
        found = (each for each in self.comparison.differences if each.metric == self.comparison.on)
        return next(found, Difference(metric=self.comparison.on))

    @property
    def limited(self) -> list[str]:
        """The sides with which the client was the limit.

        One that takes CPU time from a server lets a difference show, if smaller, and is not among them.
        """
        sides = {"A": self.a, "B": self.b}
        return [name for name, trial in sides.items() if any(each.code == _LIMIT for each in trial.verdict.findings)]

    @property
    def silent(self) -> dict[str, int]:
        """In how many pairs a side answered nothing, by its name, for the sides that did so in some."""
        sides = {"A": self.a, "B": self.b}
        counts = {name: sum(not each.requests for each in trial.rounds[: self.count]) for name, trial in sides.items()}
        return {name: count for name, count in counts.items() if count}

    @property
    def mute(self) -> list[str]:
        """The sides that answered nothing at all."""
        return [name for name, count in self.silent.items() if count == self.count]


def describe_answer(document: RunDocument) -> str:
    """Return the sentence that says whether B differs from A, in what was to be known."""
    pairs = _pairs_of(document)
    if pairs is None:
        return "Nothing was compared."
    for name, trial in (("A", pairs.a), ("B", pairs.b)):
        if trial.state in ("failed", "not possible"):
            return f"{name} {'failed' if trial.state == 'failed' else 'is not possible'}: {trial.reason}."
    on = pairs.on
    if on.metric == _THROUGHPUT and _hides_throughput(pairs):
        return f"{_describe_client(pairs)}{_describe_cpu(pairs)}"
    if pairs.mute:
        return _describe_mute(pairs)
    sentence = describe_difference(on, words=pairs.words)
    if not sentence:
        return f"A and B cannot be compared in {name_of(on.metric, pairs.words)}: {_why_no_interval(pairs)}."
    if _is_undecided(on, pairs.comparison):
        ends = format_interval(on).replace(" to ", " and ")
        return f"Undecided: the difference in {name_of(on.metric, pairs.words)} lies between {ends} (95 %)."
    return f"{sentence[0].upper()}{sentence[1:]}."


def describe_course(document: RunDocument) -> str:
    """Return the sentence on how long it was measured, and what ended it."""
    pairs = _pairs_of(document)
    if pairs is None or not pairs.count:
        return ""
    comparison, on = pairs.comparison, pairs.on
    rounds = [*pairs.a.rounds, *pairs.b.rounds]
    seconds = max(each.at + each.window_ns / 1e9 for each in rounds) - min(each.at for each in rounds)
    plural = "" if pairs.count == 1 else "s"
    measured = (
        f"{pairs.count} pair{plural} of slices of {format_duration_ns(comparison.slice_ns)} in turn, in {seconds:.0f} s"
    )
    within = format_change(comparison.within, on.metric, signed=False)
    match comparison.ended:
        case "within":
            return f"{measured}, until {name_of(on.metric, pairs.words)} was known to within {within}."
        case "at most" if comparison.within and on.interval is not None and on.change is not None:
            reach = max(on.interval[1] - on.change, on.change - on.interval[0])
            known = format_change(reach, on.metric, signed=False)
            needed = comparison.at_most_ns / 1e9 * (reach / comparison.within) ** 2
            advice = (
                f"; about {_round_seconds(needed)} would be needed (--at-most)" if reach > comparison.within else ""
            )
            return f"{measured}: {name_of(on.metric, pairs.words)} is known to within {known}, not {within}{advice}."
        case "interrupted":
            return f"{measured}, then interrupted."
        case "failed":
            return f"{measured}, then one side failed."
        case _:
            return f"{measured}."


def describe_limits(document: RunDocument) -> Iterator[str]:
    """Yield what a reader has to know before believing the answer: what would have been seen, and what spoils it."""
    pairs = _pairs_of(document)
    if pairs is None:
        return
    on = pairs.on
    if on.interval is not None and not on.is_clear and on.visible is not None:
        visible = format_change(on.visible, on.metric, signed=False)
        yield f"A difference of {visible} or more would have been recognised."
    if pairs.limited and not (on.metric == _THROUGHPUT and _hides_throughput(pairs)):
        yield _describe_client(pairs)
    for name, count in pairs.silent.items():
        if name not in pairs.mute and count > _SOME_SILENT * pairs.count:
            yield f"{name} answered nothing in {count} of {pairs.count} slices; longer ones (--slice) say more."
    for name, trial in (("A", pairs.a), ("B", pairs.b)):
        cut, ended = trial.outcomes.get(Outcome.CUT, 0), sum(trial.outcomes.values())
        if cut > _MUCH_CUT * ended:
            yield (
                f"{format_percent(cut / ended)} of {name}'s {pairs.words.many} were in flight when their slice "
                "ended, and do not count; longer slices (--slice) count more of them."
            )


def compared_figures(document: RunDocument) -> tuple[DifferenceRow, ...]:
    """Return the rows of the table, one for each metric that was measured on a side."""
    comparison, words = document.ab, vocabulary_of(document.trials)
    if comparison is None:
        return ()
    return tuple(
        DifferenceRow(
            title=measure_of(each.metric).worded(words).title,
            short=words.fill(_SHORT.get(each.metric, "")) or name_of(each.metric, words),
            a=format_figure(each.metric, each.a),
            b=format_figure(each.metric, each.b),
            change=format_amount(each),
            interval=format_interval(each),
            visible=_DASH if each.visible is None else format_change(each.visible, each.metric, signed=False),
            merit=merit_of(each),
        )
        for each in comparison.differences
        if each.a is not None or each.b is not None
    )


def _pairs_of(document: RunDocument) -> _Pairs | None:
    if document.ab is None or len(document.trials) < 2:
        return None
    return _Pairs(document.ab, document.trials[0], document.trials[1])


def _hides_throughput(pairs: _Pairs) -> bool:
    """Return whether the client was the limit where a difference would show; not where the other side is slower."""
    slower = "A" if (pairs.on.change or 0.0) > 0 else "B"
    return bool(pairs.limited) and (slower in pairs.limited or not pairs.on.is_clear)


def _describe_client(pairs: _Pairs) -> str:
    if len(pairs.limited) == 2:
        return (
            "The client was the limit with both servers: what they could answer is at least this, and their throughput "
            "cannot be compared."
        )
    [limited] = pairs.limited
    return f"The client was the limit with {limited}, which could answer more than it did."


def _describe_cpu(pairs: _Pairs) -> str:
    cpu = next((each for each in pairs.comparison.differences if each.metric == _CPU), None)
    sentence = "" if cpu is None else describe_difference(cpu, words=pairs.words)
    return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _describe_mute(pairs: _Pairs) -> str:
    """Say that a side answered nothing as expected, and what the other one did."""
    sides = {"A": pairs.a, "B": pairs.b}
    reasons = [_why_mute(name, sides[name], pairs.comparison.slice_ns, pairs.words) for name in pairs.mute]
    answering = next((name for name in sides if name not in pairs.mute), None)
    if answering is None:
        return f"Neither A nor B {pairs.words.did_answer} as expected. {' '.join(reasons)}"
    rate = measure_of(_THROUGHPUT).worded(pairs.words).quantity.format_with_unit(_rate(sides[answering]))
    return f"{answering} {pairs.words.answers} {rate}, {pairs.mute[0]} none. {' '.join(reasons)}"


def _why_mute(name: str, trial: TrialResult, slice_ns: int, words: Vocabulary) -> str:
    failed = {outcome: count for outcome, count in trial.outcomes.items() if count and outcome in FAILURES}
    if failed:
        counts = (f"{name_of_failure(outcome, trial.protocol)} ({count:,})" for outcome, count in failed.items())
        return f"{words.fill('{Message}s {toward}')} {name} failed: {', '.join(counts)}."
    return (
        f"No {words.message} {words.toward} {name} was {words.answered} within a slice of "
        f"{format_duration_ns(slice_ns)}; longer ones (--slice) may count some."
    )


def _rate(trial: TrialResult) -> float:
    seconds = sum(each.window_ns for each in trial.rounds) / 1e9
    return sum(each.requests for each in trial.rounds) / seconds if seconds else 0.0


def _why_no_interval(pairs: _Pairs) -> str:
    if pairs.on.a is None or pairs.on.b is None:
        missing = [name for name, value in (("A", pairs.on.a), ("B", pairs.on.b)) if value is None]
        return f"it was not measured of {' and '.join(missing)}"
    return f"{pairs.count} pairs are too few for an interval"


def _is_undecided(on: Difference, comparison: PairedComparison) -> bool:
    if on.interval is None or on.is_clear:
        return False
    reach = max(abs(end) for end in on.interval)
    return reach > max(_UNDECIDED_FROM, _UNDECIDED_TIMES * comparison.within)


def _round_seconds(seconds: float) -> str:
    """Return a rough time: `40 s`, `3 min`, `2 h`."""
    unit, size = ("s", 1) if seconds < 100 else ("min", 60) if seconds < 6000 else ("h", 3600)
    return f"{float(f'{seconds / size:.2g}'):,.10g} {unit}"
