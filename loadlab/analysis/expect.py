"""The profile's `expect`, checked against a trial: which metrics there are, and whether each bound was kept."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from loadlab.profile.expectation import Kind, parse_expectation
from loadlab.profile.mistakes import did_you_mean
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.model import Expectation, TrialResult


@cache
def metric_names() -> frozenset[str]:
    """Return every name that an expectation may use: the figures of a trial in run.json, and `failures`."""
    outcomes = {f"outcomes.{outcome}" for outcome in Outcome}
    return frozenset(_figures(TrialResult, "")) - {"repeat"} | outcomes | {"failures"}


def check_expectations(texts: Iterable[str], result: TrialResult) -> list[Expectation]:
    """Return whether a trial that is done met each expectation; what was not measured is not met.

    Raises ValueError with a sentence for an expectation that cannot be read, or names no metric.
    """
    return [_check(text, result) for text in texts]


def _check(text: str, result: TrialResult) -> Expectation:
    expected = parse_expectation(text)
    if expected.metric not in metric_names():
        raise ValueError(f"no metric is called {expected.metric!r}{did_you_mean(expected.metric, metric_names())}")
    value = _measured(expected.metric, result)
    if value is None:
        return Expectation(text=text, met=False, measured="not measured")
    return Expectation(text=text, met=expected.met_by(value), measured=Kind.of(expected.metric).format(value))


def _measured(metric: str, result: TrialResult) -> float | None:
    if metric == "failures":
        return sum(result.outcomes.get(outcome, 0) for outcome in FAILURES)
    section, _, name = metric.partition(".")
    if section == "outcomes":
        return result.outcomes.get(name, 0)
    found = result.model_dump(by_alias=True)[section]
    # One level is all there is; "p99.9" is a single name with a dot in it.
    value: float | None = found.get(name) if isinstance(found, dict) else found
    return value


def _figures(model: type[BaseModel], above: str) -> Iterator[str]:
    """Yield the dotted names of a model's numbers."""
    for name, field in model.model_fields.items():
        key = above + (field.alias or name)
        for member in _members(field.annotation):
            if isinstance(member, type) and issubclass(member, BaseModel):
                yield from _figures(member, f"{key}.")
            elif member in (int, float):
                yield key


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an annotation has no type of its own
    """Return the members of a union, or the one type that it is; a container counts as itself."""
    containers = (list, dict, tuple)
    if getattr(annotation, "__origin__", None) in containers:
        return (annotation,)
    return get_args(annotation) or (annotation,)
