"""The rules of `expect` and `plot.y`: metrics exist, each `where` selects a trial, each law is fitted."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from loadlab.profile.expect import (
    ConditionalExpectation,
    ExpectRule,
    LawExpectation,
    Selector,
    metric_of,
    rule_of,
)
from loadlab.profile.files import without_common_folder
from loadlab.profile.http_values import request_name
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.masking import mask_swept
from loadlab.profile.message import name_of_message
from loadlab.profile.metrics import (
    ALIASES,
    CHECK_SECTION,
    FAILED_CHECKS,
    FAILED_REQUESTS,
    ITERATION_SECTION,
    KIND_SECTION,
    REQUEST_METRICS,
    STEP_SECTION,
    MetricName,
    full_name,
    split_metric,
)
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, Path, adapter_of, default_of, may_be_swept, sweepable_paths, value_at
from loadlab.profile.request import name_in_mix
from loadlab.profile.schema import KINDS, Profile
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.sweep import values_in_trials
from loadlab.profile.values import describe, list_words

_FEWEST_VALUES: Final = 3  # as `analysis.scaling` has it
_OF_SCENARIOS: Final = {STEP_SECTION, ITERATION_SECTION, CHECK_SECTION}
_WHOSE: Final = {
    KIND_SECTION: "a request",
    STEP_SECTION: "a step",
    ITERATION_SECTION: "the iterations",
    CHECK_SECTION: "a check",
}
_MOST_LISTED: Final = 6


def metric_mistakes(model: type[Profile], data: Data, metrics: Collection[str]) -> Iterator[Mistake]:
    """Yield the metrics that are named and are not among `metrics`, or not measured by profiles of this kind.

    In `metrics` those of a single request, step or check have NAME in its place. Here the requests of the load have
    their names; those of a scenario may have any.
    """
    requests = _request_names(data)
    of_all = {metric for metric in metrics if not split_metric(metric).name}
    figures = [metric.removeprefix(REQUEST_METRICS) for metric in metrics if metric.startswith(REQUEST_METRICS)]
    known = of_all | {f"{KIND_SECTION}.{request}.{figure}" for request in requests for figure in figures}
    of_scenario = bool(values_in_trials(data, "load.scenario"))
    for path, metric in _named_metrics(data):
        parts = split_metric(metric)
        if not of_scenario and (parts.section in _OF_SCENARIOS or metric == FAILED_CHECKS):
            yield Mistake(path, f"{metric} is a figure of scenarios, and this load has none (load.scenario)")
        elif metric in known or (of_scenario and parts.name and parts.of_any().full in metrics):
            if (what := _why_not_measured(model, metric)) is not None:
                yield Mistake(path, what)
        elif of_scenario and parts.section:
            yield Mistake(path, _no_figure(parts, metrics))
        elif parts.section and parts.name not in requests:
            hint = f"its requests are {list_words(requests)}" if requests else "only those of load.mix have names"
            yield Mistake(path, f"the load has no request {describe(parts.name)}; {hint}")
        else:
            hint = did_you_mean(metric, known | ALIASES.keys()) or f"; short names are {list_words(ALIASES)}"
            yield Mistake(path, f"there is no metric {describe(metric)}{hint}")


def _no_figure(parts: MetricName, metrics: Collection[str]) -> str:
    """Return what is wrong with a metric of a scenario that ends with no figure."""
    begin = parts.of_any()._replace(figure="").full + "."
    figures = [metric.removeprefix(begin) for metric in metrics if metric.startswith(begin)]
    hint = (
        did_you_mean(parts.figure, [*figures, *ALIASES]) or f"; there are {', '.join(sorted(figures)[:_MOST_LISTED])}"
    )
    return f"{describe(parts.full)} ends with no figure of {_WHOSE[parts.section]}{hint}"


def _why_not_measured(model: type[Profile], metric: str) -> str | None:
    measuring = [kind for kind, other in KINDS.items() if metric in other.micro_metrics]
    if model.micro_metrics:
        there = list_words(model.micro_metrics)
        is_measured = metric in model.micro_metrics or metric == FAILED_REQUESTS
        return None if is_measured else f"{metric} is not measured without a network; the metrics are {there}"
    return f"{metric} is measured only by profiles of kind {' and '.join(measuring)}" if measuring else None


def _named_metrics(data: Data) -> Iterator[tuple[Path, str]]:
    plotted = value_at(data, ("plot", "y"))
    if isinstance(plotted, str):
        with suppress(ValueError):
            yield ("plot", "y"), full_name(plotted)
    for place, text in _written_texts(data):
        if (metric := metric_of(text)) is not None:
            yield place, metric


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule, the path of its entry, and the path of its text."""

    entry: Path
    text: Path
    rule: ExpectRule


def expect_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
    """Yield the entries that select no trial, or a law that is not fitted for this profile."""
    for written in _written_rules(data):
        expectation = written.rule.expectation
        if isinstance(expectation, LawExpectation):
            yield from _law_mistakes(model, data, written.text, expectation)
            if expectation.over in written.rule.where:
                what = f"has several values in each law, as the {expectation.term} is over it; remove it"
                yield Mistake((*written.entry, "where", expectation.over), what, part="key")
        for path, selector in written.rule.where.items():
            yield from _where_mistakes(model, data, (*written.entry, "where", path), path, selector)


def _where_mistakes(model: type[Profile], data: Data, here: Path, path: str, selector: Selector) -> Iterator[Mistake]:
    if not may_be_swept(model, path):
        yield Mistake(here, f"no such path in the profile{did_you_mean(path, sweepable_paths(model))}", part="key")
        return
    swept = value_at(data, ("sweep", path))
    if isinstance(swept, list) and mask_swept(path, swept) != swept:
        what = "has credentials, which are masked in the results; select the trials by another path"
        yield Mistake(here, what, part="key")
        return
    values = _values(model, data, path)
    if not values:
        yield Mistake(here, "has no value in this profile; set or sweep it", part="key")
        return
    several = isinstance(selector.wanted, tuple)
    for index, wanted in enumerate(selector.wanted if isinstance(selector.wanted, tuple) else [selector.wanted]):
        if not any(Selector(wanted).matches(value) for value in values):
            there = ", ".join(describe(value) for value in values)
            place = (*here, index) if several else here
            yield Mistake(place, f"{describe(wanted)} matches no trial; the trials have {there}")


def _law_mistakes(model: type[Profile], data: Data, here: Path, expectation: LawExpectation) -> Iterator[Mistake]:
    term, over = expectation.term, expectation.over
    if expectation.metric != model.law_metric:
        known = next((alias for alias, metric in ALIASES.items() if metric == model.law_metric), model.law_metric)
        yield Mistake(here, f"laws are fitted to {known} only, not to {describe(expectation.metric)}")
    plotted = value_at(data, ("plot", "x"))
    if plotted != over:
        there = f"which is {plotted}, not {over}" if plotted else f"which is not set; set plot: {{x: {over}}}"
        yield Mistake(here, f"laws are fitted over plot.x, {there}")
        return
    numbers = [value for value in _values(model, data, over) if isinstance(value, int | float)]
    if term == "exponent":
        numbers = [number for number in numbers if number > 0]
    if len(set(numbers)) < _FEWEST_VALUES:
        needed = "an exponent needs at least three positive" if term == "exponent" else "a slope needs at least three"
        yield Mistake(here, f"{needed} values of {over}; the profile has {len(set(numbers))}")


def _values(model: type[Profile], data: Data, path: str) -> list[object]:
    """Return the values of the trials at a path as in run.json; those that do not fit the schema are left out."""
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
    return without_common_folder(path, spelt) if value_at(data, ("sweep", path)) is not None else spelt


def _written_rules(data: Data) -> Iterator[WrittenRule]:
    """Yield the entries of `expect` that can be read; the schema reports the others."""
    for index, entry in enumerate(_entries(data)):
        here: Path = ("expect", index)
        try:
            if isinstance(entry, str):
                yield WrittenRule(here, here, rule_of(entry))
            elif isinstance(entry, dict):
                yield WrittenRule(here, (*here, "expect"), rule_of(ConditionalExpectation.model_validate(entry)))
        except ValueError:
            continue


def _written_texts(data: Data) -> Iterator[tuple[Path, str]]:
    """Yield the text of each entry of `expect`, readable or not, with its path."""
    for index, entry in enumerate(_entries(data)):
        if isinstance(entry, str):
            yield ("expect", index), entry
        elif isinstance(entry, dict) and isinstance(text := entry.get("expect"), str):
            yield ("expect", index, "expect"), text


def _entries(data: Data) -> list[object]:
    entries = data.get("expect")
    return entries if isinstance(entries, list) else []


def _request_names(data: Data) -> list[str]:
    """Return the names of the requests: those of a mix, and the slow senders beside others."""
    mix = value_at(data, ("load", "mix"))
    messages = value_at(data, ("load", "messages"))
    slow = any(written.value != 0 for written in values_in_trials(data, "load.slow_connections"))
    if isinstance(mix, list):
        names = [name for request in mix if (name := name_in_mix(request)) is not None]
    elif isinstance(messages, list):
        names = [name for message in messages if (name := name_of_message(message)) is not None]
    else:
        names = _names_without_mix(data) if slow else []
    return [*names, SLOW_SENDERS] if slow else names


def _names_without_mix(data: Data) -> list[str]:
    written = values_in_trials(data, "load.path") or values_in_trials(data, "target.handler")
    by_default = "/" if values_in_trials(data, "target.address") else "hello"
    return [request_name(str(each.value)) for each in written] or [by_default]
