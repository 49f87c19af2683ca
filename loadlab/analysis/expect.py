"""The profile's `expect`, checked: each trial for its figures, the whole run for its laws."""

from collections.abc import Iterable, Sequence

from loadlab.analysis.metrics import is_metric, measured, metric_names
from loadlab.profile.expect import ConditionalExpectation, ExpectRule, FigureExpectation, LawExpectation, rule_of
from loadlab.profile.metrics import Dimension
from loadlab.profile.mistakes import did_you_mean
from loadlab.results.model import Expectation, Law, TrialResult


def check_expectations(entries: Iterable[str | ConditionalExpectation], result: TrialResult) -> list[Expectation]:
    """Return whether a trial that is done met each expectation on a figure whose `where` means it.

    What was not measured is not met. Raises ValueError with a sentence for an expectation that cannot be read, or names
    no metric.
    """
    rules = [(rule, rule.expectation) for rule in map(rule_of, entries) if rule.applies_to(result.factors)]
    return [
        _check_figure(rule.text, expected, result)
        for rule, expected in rules
        if isinstance(expected, FigureExpectation)
    ]


def check_law_expectations(entries: Iterable[str | ConditionalExpectation], laws: Sequence[Law]) -> list[Expectation]:
    """Return whether each law met each expectation on laws whose `where` means it, one result for each of both.

    It is met when the whole 95 % interval keeps to the bound. An expectation that no law was fitted for is not met.
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
        raise ValueError(f"no metric is called {expected.metric!r}{did_you_mean(expected.metric, metric_names())}")
    value = measured(expected.metric, result)
    if value is None:
        return Expectation(text=text, met=False, measured="not measured")
    return Expectation(text=text, met=expected.met_by(value), measured=Dimension.of(expected.metric).format(value))


def _check_laws(rule: ExpectRule, expected: LawExpectation, laws: Sequence[Law]) -> list[Expectation]:
    meant = [
        law for law in laws if (law.metric, law.over) == (expected.metric, expected.over) and rule.applies_to(law.where)
    ]
    if not meant:
        return [Expectation(text=rule.text, met=False, measured="no law could be fitted")]
    return [_check_law(rule.text, expected, law) for law in meant]


def _check_law(text: str, expected: LawExpectation, law: Law) -> Expectation:
    series = ", ".join(f"{path} {value}" for path, value in law.where.items())
    value, interval = (
        (law.slope, law.slope_interval) if expected.term == "slope" else (law.exponent, law.exponent_interval)
    )
    if value is None or interval is None:
        return Expectation(text=text, met=False, measured="not fitted", series=series)
    low, high = map(expected.format, interval)
    told = f"{expected.format(value)} (95 %: {low} to {high})"
    return Expectation(text=text, met=expected.met_by(interval), measured=told, series=series)
