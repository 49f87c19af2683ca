"""The profile's `expect`, checked against a trial: whether each bound was kept."""

from collections.abc import Iterable

from loadlab.analysis.metrics import is_metric, measured, metric_names
from loadlab.profile.expectation import Kind, parse_expectation
from loadlab.profile.mistakes import did_you_mean
from loadlab.results.model import Expectation, TrialResult


def check_expectations(texts: Iterable[str], result: TrialResult) -> list[Expectation]:
    """Return whether a trial that is done met each expectation; what was not measured is not met.

    Raises ValueError with a sentence for an expectation that cannot be read, or names no metric.
    """
    return [_check(text, result) for text in texts]


def _check(text: str, result: TrialResult) -> Expectation:
    expected = parse_expectation(text)
    if not is_metric(expected.metric):
        raise ValueError(f"no metric is called {expected.metric!r}{did_you_mean(expected.metric, metric_names())}")
    value = measured(expected.metric, result)
    if value is None:
        return Expectation(text=text, met=False, measured="not measured")
    return Expectation(text=text, met=expected.met_by(value), measured=Kind.of(expected.metric).format(value))
