"""The figures of a trial by name, as `expect` and `plot` of a profile use them: `response_ns.p99`, `outcomes.reset`.

The figures of one kind of request in a mix have its name before them: `kinds.hello.response_ns.p99`.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel

from loadlab.profile.metrics import FAILED_REQUESTS, REQUEST_METRICS, split_metric
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.model import KindResult, LatencySummary, TrialResult

# They say which trial it is, or when it was.
_NUMBERS: Final = {"repeat", "attempt", "batch", "at"}


@cache
def metric_names() -> frozenset[str]:
    """Return every name of a metric: the numbers of a trial in run.json, and `failures`.

    Those of one kind of request begin with REQUEST_METRICS, whatever the kind is called.
    """
    outcomes = {f"outcomes.{outcome}" for outcome in Outcome}
    of_kind = {f"{REQUEST_METRICS}{figure}" for figure in _figures(KindResult, "")}
    return frozenset(_figures(TrialResult, "")) - _NUMBERS | outcomes | {FAILED_REQUESTS} | of_kind


def is_metric(name: str) -> bool:
    """Return whether there is a metric of that name, of any kind of request."""
    kind, figure = split_metric(name)
    return (name if kind is None else f"{REQUEST_METRICS}{figure}") in metric_names()


def measured(metric: str, result: TrialResult) -> float | None:
    """Return a figure of a trial; None where it was not measured."""
    if metric == FAILED_REQUESTS:
        return sum(result.outcomes.get(outcome, 0) for outcome in FAILURES)
    name, figure = split_metric(metric)
    if name is not None:
        return next((_look_up(kind, figure) for kind in result.kinds if kind.name == name), None)
    if metric.startswith("outcomes."):
        return result.outcomes.get(metric.removeprefix("outcomes."), 0)
    return _look_up(result, metric)


def is_too_low(metric: str, result: TrialResult) -> bool:
    """Return whether a figure is only a lower bound, as slower requests were in flight when the window ended."""
    name, figure = split_metric(metric)
    section, _, of_section = figure.partition(".")
    where = result if name is None else next((kind for kind in result.kinds if kind.name == name), None)
    summary = getattr(where, section, None)
    if not isinstance(summary, LatencySummary) or not summary.too_low:
        return False
    return of_section in (*summary.too_low, "mean", "max")


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
