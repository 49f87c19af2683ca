"""Rules on `expect` and `plot.y`: metrics exist, each `where` selects a trial, each law is fitted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from loadlab.profile.expect import (
    ConditionalExpectation,
    ExpectRule,
    FigureExpectation,
    LawExpectation,
    Selector,
    rule_of,
)
from loadlab.profile.load import SLOW_SENDERS, name_in_mix, request_name
from loadlab.profile.metrics import ALIASES, REQUEST_METRICS, split_metric
from loadlab.profile.mistakes import Mistake, did_you_mean
from loadlab.profile.paths import Data, Path, adapter_of, default_of, may_be_swept, sweepable_paths, value_at
from loadlab.profile.schema import Profile
from loadlab.profile.sweep import values_in_trials
from loadlab.profile.values import describe

_FEWEST_VALUES: Final = 3  # as `analysis.scaling` has it


def metric_mistakes(data: Data, metrics: Collection[str]) -> Iterator[Mistake]:
    """Yield where a metric is named which is not one of `metrics`; what cannot be read is the schema's.

    In `metrics` those of a single request begin with REQUEST_METRICS; here the requests of the load have their names.
    """
    requests = request_names(data)
    of_all = {metric for metric in metrics if not metric.startswith(REQUEST_METRICS)}
    figures = [metric.removeprefix(REQUEST_METRICS) for metric in metrics if metric not in of_all]
    known = of_all | {f"kinds.{request}.{figure}" for request in requests for figure in figures}
    for path, metric in _named_metrics(data):
        if metric in known:
            continue
        request, _figure = split_metric(metric)
        if request is not None and request not in requests:
            names = f"it has {', '.join(requests)}" if requests else "only load.mix and load.slow_connections make some"
            yield Mistake(path, f"the load has no kind of request called {describe(request)}; {names}")
        else:
            yield Mistake(path, f"no metric is called {describe(metric)}{did_you_mean(metric, known | ALIASES.keys())}")


def _named_metrics(data: Data) -> Iterator[tuple[Path, str]]:
    plotted = value_at(data, ("plot", "y"))
    if isinstance(plotted, str):
        yield ("plot", "y"), plotted
    for written in written_rules(data):
        if isinstance(written.rule.expectation, FigureExpectation):
            yield written.text, written.rule.expectation.metric


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule, the path of its entry, and that of its text."""

    entry: Path
    text: Path
    rule: ExpectRule


def written_rules(data: Data) -> Iterator[WrittenRule]:
    """Yield the entries of `expect` that can be read; of the others the schema tells."""
    entries = data.get("expect")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        here: Path = ("expect", index)
        try:
            if isinstance(entry, str):
                yield WrittenRule(here, here, rule_of(entry))
            elif isinstance(entry, dict):
                yield WrittenRule(here, (*here, "expect"), rule_of(ConditionalExpectation.model_validate(entry)))
        except ValueError:
            continue


def expect_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
    """Yield where an entry means no trial, or a law that this profile will not have."""
    for written in written_rules(data):
        expectation = written.rule.expectation
        if isinstance(expectation, LawExpectation):
            yield from _law_mistakes(model, data, written.text, expectation)
            if expectation.over in written.rule.where:
                what = f"has no single value, as the {expectation.term} is over it; leave it out"
                yield Mistake((*written.entry, "where", expectation.over), what, part="key")
        for path, selector in written.rule.where.items():
            yield from _where_mistakes(model, data, (*written.entry, "where", path), path, selector)


def _where_mistakes(model: type[Profile], data: Data, here: Path, path: str, selector: Selector) -> Iterator[Mistake]:
    if not may_be_swept(model, path):
        yield Mistake(here, f"no such path in the profile{did_you_mean(path, sweepable_paths(model))}", part="key")
        return
    values = _values(model, data, path)
    if not values:
        yield Mistake(here, "has no value in this profile; set it, or sweep it", part="key")
        return
    several = isinstance(selector.wanted, tuple)
    for index, wanted in enumerate(selector.wanted if isinstance(selector.wanted, tuple) else [selector.wanted]):
        if not any(Selector(wanted).matches(value) for value in values):
            there = ", ".join(describe(value) for value in values)
            place = (*here, index) if several else here
            yield Mistake(place, f"{describe(wanted)} matches no trial; what they have there is {there}")


def _law_mistakes(model: type[Profile], data: Data, here: Path, expectation: LawExpectation) -> Iterator[Mistake]:
    term, over = expectation.term, expectation.over
    if expectation.metric != model.law_metric:
        known = next((alias for alias, metric in ALIASES.items() if metric == model.law_metric), model.law_metric)
        yield Mistake(here, f"no law of {describe(expectation.metric)} is fitted, only of {known}")
    plotted = value_at(data, ("plot", "x"))
    if plotted != over:
        there = f"which is {plotted}" if plotted else "which is missing"
        yield Mistake(here, f"laws are fitted over plot.x, {there}; there is no {term} over {describe(over)}")
        return
    numbers = [value for value in _values(model, data, over) if isinstance(value, int | float)]
    if term == "exponent":
        numbers = [number for number in numbers if number > 0]
    if len(set(numbers)) < _FEWEST_VALUES:
        needed = "an exponent needs at least three positive" if term == "exponent" else "a slope needs at least three"
        yield Mistake(here, f"{needed} numbers to be fitted over, and {over} has {len(set(numbers))}")


def _values(model: type[Profile], data: Data, path: str) -> list[object]:
    """Return what the trials have at a path, spelt as in run.json; what does not fit the schema is left out."""
    adapter = adapter_of(model, path)
    written = values_in_trials(data, path)
    spelt = []
    for each in written:
        try:
            spelt.append(adapter.dump_python(adapter.validate_python(each.value), mode="json", by_alias=True))
        except ValidationError:
            continue
    if not written and path in sweepable_paths(model) and (default := default_of(model, path)) is not None:
        return [adapter.dump_python(default, mode="json", by_alias=True)]
    return spelt


def request_names(data: Data) -> list[str]:
    """Return the names under which requests are told apart: those of a mix, and the slow senders beside others."""
    mix = value_at(data, ("load", "mix"))
    slow = any(written.value != 0 for written in values_in_trials(data, "load.slow_connections"))
    if isinstance(mix, list):
        names = [name for request in mix if (name := name_in_mix(request)) is not None]
    else:
        names = _names_without_mix(data) if slow else []
    return [*names, SLOW_SENDERS] if slow else names


def _names_without_mix(data: Data) -> list[str]:
    written = values_in_trials(data, "load.path") or values_in_trials(data, "target.handler")
    by_default = "/" if values_in_trials(data, "target.address") else "hello"
    return [request_name(str(each.value)) for each in written] or [by_default]
