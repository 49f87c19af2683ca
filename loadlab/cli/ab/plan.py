"""When a comparison ends, and what must not be found: the options, checked."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from loadlab.analysis.pairs import COMPARED_METRICS
from loadlab.cli.ab.options import PlanOptions
from loadlab.errors import ProfileError
from loadlab.profile.fail_if import Answer, FailIf, parse_fail_if
from loadlab.profile.metrics import ALIASES, full_name
from loadlab.profile.suggestions import did_you_mean
from loadlab.results.paired import Difference
from loadlab.results.verdict import Expectation
from loadlab.units import parse_duration_ns, parse_percent, printable, quote, spell_duration_ns

"""The metrics that are compared, by their names in run.json."""

_THROUGHPUT: Final = "requests_per_second"
_AT_A_RATE: Final = "response_ns.p50"  # both answer as many requests as are asked for
_SHORTEST_SLICE_NS: Final = 20_000_000
_FEWEST_PAIRS: Final = 5
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Plan:
    """`on` is a metric's name in run.json; `within` is a part of one, and 0 for never."""

    on: str
    within: float
    at_most_ns: int
    slice_ns: int
    conditions: tuple[FailIf, ...]
    fails_if_unsure: bool


def make_plan(options: PlanOptions, has_rate: bool) -> Plan:
    """Return what the options ask for; `has_rate` says whether the load is an open model.

    Raises ProfileError with every mistake.
    """
    mistakes: list[str] = []

    def read(option: str, text: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        try:
            return parse(text)
        except ValueError as error:
            mistakes.append(f"{option} {printable(text)}: {error}")
            return default

    on = _AT_A_RATE if has_rate else _THROUGHPUT
    if options.on is not None:
        on = read("--on", options.on, _read_metric, on)
    slice_ns = read("--slice", options.slice, _read_slice, 0)
    plan = Plan(
        on=on,
        within=read("--within", options.within, _read_within, 0.0),
        at_most_ns=read("--at-most", options.at_most, parse_duration_ns, 0),
        slice_ns=slice_ns,
        conditions=tuple(
            condition
            for text in options.fail_if
            if (condition := read("--fail-if", text, lambda each: parse_fail_if(each, COMPARED_METRICS), None))
            is not None
        ),
        fails_if_unsure=options.fail_if_unsure,
    )
    needed_ns = 2 * _FEWEST_PAIRS * plan.slice_ns
    if not mistakes and plan.at_most_ns < needed_ns:
        mistakes.append(
            f"--at-most {options.at_most} has no room for {_FEWEST_PAIRS} slices of {options.slice} of each, the "
            f"fewest that give an interval; ask for {spell_duration_ns(needed_ns)} or more, or for shorter slices"
        )
    if mistakes:
        raise ProfileError(mistakes)
    return plan


def check_conditions(plan: Plan, differences: Iterable[Difference]) -> Iterator[Expectation]:
    """Yield for each condition whether what it forbids was not found, and what was measured."""
    intervals = {each.metric: each.interval for each in differences}
    for condition in plan.conditions:
        interval = intervals.get(condition.metric)
        answer, measured = condition.judge(interval), f"B is {condition.describe(interval)} (95 %)"
        if interval is None:
            measured = f"B {condition.describe(interval)}"
        if answer is Answer.UNSURE:
            measured = f"not sure: {measured}; a longer --at-most narrows it"
        met = answer is Answer.EXCLUDED or (answer is Answer.UNSURE and not plan.fails_if_unsure)
        yield Expectation(text=f"not {condition.text}", met=met, measured=measured)


def _read_metric(text: str) -> str:
    metric = full_name(text)
    if metric not in COMPARED_METRICS:
        short = {full: name for name, full in ALIASES.items()}
        known = [short.get(each, each) for each in COMPARED_METRICS]
        advice = did_you_mean(text, known) or f"; write one of {', '.join(known)}"
        raise ValueError(f"{quote(text)} is not compared{advice}")
    return metric


def _read_slice(text: str) -> int:
    slice_ns = parse_duration_ns(text)
    if slice_ns < _SHORTEST_SLICE_NS:
        raise ValueError(f"must be at least {spell_duration_ns(_SHORTEST_SLICE_NS)}: changing sides would take longer")
    return slice_ns


def _read_within(text: str) -> float:
    within = 0.0 if text.strip() == "0" else parse_percent(text)
    if within >= 1:
        raise ValueError("must be below 100%")
    return within
