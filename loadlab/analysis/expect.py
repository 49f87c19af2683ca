"""The profile's `expect`, checked: each trial for its figures, the whole run for its laws."""

from collections.abc import Iterable, Sequence

from loadlab.analysis.metrics import is_metric, is_too_low, measured, metric_names, why_missing
from loadlab.profile.expect import (
    Comparison,
    ConditionalExpectation,
    ExpectRule,
    FigureExpectation,
    LawExpectation,
    rule_of,
)
from loadlab.profile.metrics import Dimension
from loadlab.profile.path_names import name_of_value
from loadlab.profile.suggestions import did_you_mean
from loadlab.results.laws import Law
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Expectation


def check_expectations(entries: Iterable[str | ConditionalExpectation], result: TrialResult) -> list[Expectation]:
    """Return whether a completed trial met each expectation on a figure that applies to it (by `where`).

    A figure that was not measured does not meet one; one that is too low meets lower bounds only. One with an interval
    is checked by its value; where the ends of the interval would be checked differently, `measured` says that this is
    not certain. (A law is checked by its whole interval: it is a conclusion, and not what was measured.)
    Raises ValueError with a sentence for an expectation that cannot be read, or that names no metric.
    """
    rules = [(rule, rule.expectation) for rule in map(rule_of, entries) if rule.applies_to(result.factors)]
    return [
        _check_figure(rule.text, expected, result)
        for rule, expected in rules
        if isinstance(expected, FigureExpectation)
    ]


def check_law_expectations(entries: Iterable[str | ConditionalExpectation], laws: Sequence[Law]) -> list[Expectation]:
    """Return whether each law met each expectation on laws that applies to it (by `where`), one result per pair.

    A law meets one when its whole 95 % interval is within the bound. Without a fitted law an expectation is not met.
    Raises ValueError with a sentence for an expectation that cannot be read.
    """
    return [
        checked
        for rule in map(rule_of, entries)
        if isinstance(rule.expectation, LawExpectation)
        for checked in _check_laws(rule, rule.expectation, laws)
    ]


def _check_figure(text: str, expected: FigureExpectation, result: TrialResult) -> Expectation:
    if not is_metric(expected.metric):
        raise ValueError(f"there is no metric {expected.metric!r}{did_you_mean(expected.metric, metric_names())}")
    value = measured(expected.metric, result)
    if value is None:
        return Expectation(text=text, met=False, measured=why_missing(expected.metric, result) or "nothing")
    written = Dimension.of(expected.metric).format(value)
    if is_too_low(expected.metric, result):
        met = expected.comparison in (Comparison.MORE, Comparison.AT_LEAST) and expected.met_by(value)
        return Expectation(text=text, met=met, measured=f"at least {written}: the window was too short")
    met, interval = expected.met_by(value), result.confidence.get(expected.metric)
    if interval is not None:
        low, high = map(Dimension.of(expected.metric).format, interval)
        written += f" (95 %: {low} to {high})"
        if any(expected.met_by(end) is not met for end in interval):
            written += f"; {'met' if met else 'not met'}, but not certain"
    return Expectation(text=text, met=met, measured=written)


def _check_laws(rule: ExpectRule, expected: LawExpectation, laws: Sequence[Law]) -> list[Expectation]:
    concerned = [
        law for law in laws if (law.metric, law.over) == (expected.metric, expected.over) and rule.applies_to(law.where)
    ]
    if not concerned:
        return [Expectation(text=rule.text, met=False, measured="nothing (no law could be fitted)")]
    return [_check_law(rule.text, expected, law) for law in concerned]


def _check_law(text: str, expected: LawExpectation, law: Law) -> Expectation:
    series = ", ".join(name_of_value(path, value) for path, value in law.where.items())
    value, interval = (
        (law.slope, law.slope_interval) if expected.term == "slope" else (law.exponent, law.exponent_interval)
    )
    if value is None or interval is None:
        return Expectation(text=text, met=False, measured=f"nothing (no {expected.term} fitted)", series=series)
    low, high = map(expected.format, interval)
    fitted = f"{expected.format(value)} (95 %: {low} to {high})"
    return Expectation(text=text, met=expected.met_by(interval), measured=fitted, series=series)
