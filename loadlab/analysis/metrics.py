"""The figures of a trial by name, as `expect` and `plot` of a profile use them: `response_ns.p99`, `outcomes.reset`.

The figures of one kind of request in a mix have its name before them: `kinds.hello.response_ns.p99`.
"""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.model import KindResult, TrialResult

_KINDS = "kinds."


class MetricNames(Collection[str]):
    """Every name that there is; iterating leaves out those of kinds, whose names the profile chooses."""

    def __init__(self) -> None:
        outcomes = {f"outcomes.{outcome}" for outcome in Outcome}
        self._of_trial = frozenset(_figures(TrialResult, "")) - {"repeat"} | outcomes | {"failures"}
        self._of_kind = frozenset(_figures(KindResult, ""))

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and name.startswith(_KINDS):
            rest = name.removeprefix(_KINDS)
            return any(rest.endswith(f".{figure}") and rest != f".{figure}" for figure in self._of_kind)
        return name in self._of_trial

    def __iter__(self) -> Iterator[str]:
        return iter(self._of_trial)

    def __len__(self) -> int:
        return len(self._of_trial)


@cache
def metric_names() -> MetricNames:
    """Return every name of a metric: the numbers of a trial in run.json, and `failures`."""
    return MetricNames()


def measured(metric: str, result: TrialResult) -> float | None:
    """Return a figure of a trial; None where it was not measured."""
    if metric == "failures":
        return sum(result.outcomes.get(outcome, 0) for outcome in FAILURES)
    for kind in result.kinds:
        if metric.startswith(prefix := f"{_KINDS}{kind.name}."):
            return _look_up(kind, metric.removeprefix(prefix))
    if metric.startswith(_KINDS):
        return None
    if metric.startswith("outcomes."):
        return result.outcomes.get(metric.removeprefix("outcomes."), 0)
    return _look_up(result, metric)


def _look_up(model: BaseModel, metric: str) -> float | None:
    section, _, name = metric.partition(".")
    found = model.model_dump(by_alias=True, include={section})[section]
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
