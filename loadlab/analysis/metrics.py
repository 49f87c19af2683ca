"""The figures of a trial by name, as `expect` and `plot` of a profile use them: `response_ns.p99`, `outcomes.reset`.

Those of one kind of request have its name before them, `kinds.hello.response_ns.p99`; and so have those of a scenario's
steps and checks. Its iterations have `iterations` before them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel

from loadlab.profile.metrics import (
    CHECK_METRICS,
    CHECK_SECTION,
    FAILED_CHECKS,
    FAILED_REQUESTS,
    ITERATION_METRICS,
    ITERATION_SECTION,
    REQUEST_METRICS,
    STEP_METRICS,
    MetricName,
    split_metric,
)
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.values import list_words
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.requests import CheckResult, KindLevel, KindResult, LatencySummary
from loadlab.results.trial import TrialResult

# They say which trial it is, or when it was.
_NUMBERS: Final = {"repeat", "attempt", "batch", "at"}
_MOST_NAMES: Final = 10


@cache
def metric_names() -> frozenset[str]:
    """Return every name of a metric: the numbers of a trial in run.json, and `failures`.

    Those of a kind of request, a step and a check have NAME in the place of its name, as REQUEST_METRICS has.
    """
    outcomes = {f"outcomes.{outcome}" for outcome in Outcome}
    of_kind = {*_figures(KindResult, ""), *outcomes, FAILED_REQUESTS}
    return (
        frozenset(_figures(TrialResult, "")) - _NUMBERS
        | outcomes
        | {FAILED_REQUESTS, FAILED_CHECKS}
        | {f"{prefix}{figure}" for prefix in (REQUEST_METRICS, STEP_METRICS, ITERATION_METRICS) for figure in of_kind}
        | {f"{CHECK_METRICS}{figure}" for figure in _figures(CheckResult, "")}
    )


def is_metric(metric: str) -> bool:
    """Return whether there is a metric of that name, of any kind of request, step or check."""
    parts = split_metric(metric)
    if parts.section and parts.section != ITERATION_SECTION and not parts.name:
        return False
    return parts.of_any().full in metric_names()


def measured(metric: str, result: TrialResult) -> float | None:
    """Return a figure of a trial; None where it was not measured."""
    if metric == FAILED_CHECKS:
        return sum(check.failed for check in result.checks)
    parts = split_metric(metric)
    where, figure = _place_of(parts, result), parts.figure
    if where is None:
        return None
    if isinstance(where, TrialResult | KindResult):
        if figure == FAILED_REQUESTS:
            return sum(where.outcomes.get(outcome, 0) for outcome in FAILURES)
        if figure.startswith("outcomes."):
            return where.outcomes.get(figure.removeprefix("outcomes."), 0)
    return _look_up(where, figure)


def why_missing(metric: str, result: TrialResult) -> str:
    """Return why a trial has no such figure, for a name that it does not have: a step that was never run, say.

    Empty where the name is not the reason.
    """
    parts = split_metric(metric)
    if not parts.section or _place_of(parts, result) is not None:
        return ""
    if parts.section == ITERATION_SECTION:
        return "no iterations: the load has no scenario"
    noun = _NOUNS[parts.section]
    names = _names_in(parts.section, result)
    if not names:
        return "" if result.iterations is None else f"no {noun} {parts.name!r}: this scenario had none"
    listed = list_words(names) if len(names) <= _MOST_NAMES else f"{', '.join(names[:_MOST_NAMES])} and others"
    there = "there was" if result.iterations is None else "this scenario had"
    return f"no {noun} {parts.name!r}: {there} {listed}{did_you_mean(parts.name, names)}"


def is_too_low(metric: str, result: TrialResult) -> bool:
    """Return whether a figure is only a lower bound, as slower requests were in flight when the window ended."""
    summary, figure = times_of(metric, result)
    return summary is not None and bool(summary.too_low) and figure in (*summary.too_low, "mean", "max")


def times_of(metric: str, result: TrialResult) -> tuple[LatencySummary | None, str]:
    """Return the times that a figure is of, None for other figures, and which of theirs it is, such as p99."""
    parts = split_metric(metric)
    section, _, figure = parts.figure.partition(".")
    summary = getattr(_place_of(parts, result), section, None)
    return (summary if isinstance(summary, LatencySummary) else None), figure


_LEVELS: Final[Mapping[str, KindLevel]] = {"kinds": "request", "steps": "step"}
_NOUNS: Final = {"kinds": "request", "steps": "step", "checks": "check"}


def _place_of(parts: MetricName, result: TrialResult) -> TrialResult | KindResult | CheckResult | None:
    """Return what a metric is a figure of: the whole trial, a kind, or a check."""
    if not parts.section:
        return result
    if parts.section == ITERATION_SECTION:
        return result.iterations
    if parts.section == CHECK_SECTION:
        return next((check for check in result.checks if check.name == parts.name), None)
    level = _LEVELS[parts.section]
    return next((kind for kind in result.kinds if (kind.level, kind.name) == (level, parts.name)), None)


def _names_in(section: str, result: TrialResult) -> Sequence[str]:
    if section == CHECK_SECTION:
        return [check.name for check in result.checks]
    return [kind.name for kind in result.kinds if kind.level == _LEVELS[section]]


def _look_up(model: BaseModel, metric: str) -> float | None:
    section, _, name = metric.partition(".")
    found = model.model_dump(by_alias=True, include={section}).get(section)
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
