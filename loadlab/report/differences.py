"""A difference between two measurements in words: `B answers 3.1 % fewer requests/s than A (95 %: 2.4 % to 3.8 %)`.

What changed by less than a half is written in percent, what changed by more as a multiple. Nothing is called a
difference whose interval holds 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.profile.metrics import FAILED_REQUESTS, ITERATION_SECTION, more_is_better, split_metric
from loadlab.report.measures import measure_of
from loadlab.results.paired import Difference
from loadlab.results.vocabulary import ITERATIONS_OF_A_SCENARIO, REQUESTS, Vocabulary
from loadlab.units import format_multiple, format_percent, format_share

Merit = Literal["better", "worse", ""]

_NBSP: Final = "\N{NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"
_TIMES: Final = "\N{MULTIPLICATION SIGN}"
# From twice as much on, or down to half as much, percentages are harder to read than multiples.
_AS_MULTIPLE: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Words:
    """How one metric is compared: texts with places for both sides, the amount, and the words for what is counted."""

    more: str
    less: str
    multiple: str


_THROUGHPUT: Final = _Words(
    "{b} {answers} {amount} more {many}/s than {a}",
    "{b} {answers} {amount} fewer {many}/s than {a}",
    "{b} {answers} {amount} times as many {many}/s as {a}",
)
_CPU: Final = _Words(
    "{b} uses {amount} more CPU time per {one} than {a}",
    "{b} uses {amount} less CPU time per {one} than {a}",
    "{b} uses {amount} times as much CPU time per {one} as {a}",
)
_WORDS: Final[Mapping[str, _Words]] = {"requests_per_second": _THROUGHPUT, "target.cpu_ns_per_request": _CPU}


def describe_difference(difference: Difference, a: str = "A", b: str = "B", words: Vocabulary = REQUESTS) -> str:
    """Say by how much B differs from A, with the interval; where that holds 0, within what they are the same.

    Empty where no interval is known. There is no full stop.
    """
    if difference.interval is None or difference.change is None:
        return ""
    if not difference.is_clear:
        low, high = difference.interval
        reach = format_change(max(abs(low), abs(high)), difference.metric, signed=False)
        return f"no difference in {name_of(difference.metric, words)}: {a} and {b} are within {reach} of each other"
    if difference.metric == FAILED_REQUESTS:
        return _describe_failures(difference, difference.interval, a, b, words)
    return _describe_change(difference.metric, difference.change, difference.interval, (a, b), words)


def name_of(metric: str, words: Vocabulary = REQUESTS) -> str:
    """Return what a metric is called in a sentence: throughput, CPU time per request, p99."""
    section, kind, figure = split_metric(metric)
    name = words.fill(_NAMES.get(figure, "")) or (
        figure.removeprefix("response_ns.")
        if figure.startswith("response_ns.")
        else measure_of(metric).worded(words).phrase
    )
    whose = kind or (ITERATIONS_OF_A_SCENARIO.many if section == ITERATION_SECTION else "")
    return f"{name} of {whose}" if whose else name


def merit_of(difference: Difference) -> Merit:
    """Return whether B is better or worse, empty where the interval does not show either."""
    if not difference.is_clear or difference.change is None:
        return ""
    return "better" if (difference.change > 0) == more_is_better(difference.metric) else "worse"


def format_figure(metric: str, value: float | None) -> str:
    """Return one side's figure with its unit; failures are a share of all requests."""
    if value is None:
        return "\N{EN DASH}"
    return format_share(value) if metric == FAILED_REQUESTS else measure_of(metric).quantity.format(value)


def format_change(
    change: float, metric: str, signed: bool = True, decimals: int | None = None, as_multiple: bool = True
) -> str:
    """Return a relative change in percent, "+3.1 %", or as a multiple; of failures in percentage points.

    Without `decimals` it has two digits.
    """
    if metric != FAILED_REQUESTS and as_multiple and _is_multiple(change):
        return f"{_TIMES}{_ratio(1 + change)}"
    text = _percent(abs(change), decimals if change else 0)
    is_nothing = not text.strip(f"0.%{_NBSP}")
    sign = "" if not signed or is_nothing else "+" if change > 0 else _MINUS
    return f"{sign}{text.replace('%', 'points') if metric == FAILED_REQUESTS else text}"


def format_amount(difference: Difference) -> str:
    """Return the change itself with as many digits as its interval has: "+3.1 %"; a dash where there is none."""
    if difference.change is None:
        return "\N{EN DASH}"
    decimals = None if difference.interval is None else _decimals_of(difference.interval)
    return format_change(difference.change, difference.metric, decimals=decimals)


def format_interval(difference: Difference) -> str:
    """Return both ends of the interval: "+2.4 % to +3.8 %"; a dash where there is none."""
    if difference.interval is None:
        return "\N{EN DASH}"
    decimals = _decimals_of(difference.interval)
    as_multiple = all(map(_is_multiple, difference.interval))
    low, high = (
        format_change(end, difference.metric, decimals=decimals, as_multiple=as_multiple) for end in difference.interval
    )
    return f"{low.removesuffix(f'{_NBSP}points')} to {high}"


def _describe_change(
    metric: str, change: float, interval: tuple[float, float], sides: tuple[str, str], words: Vocabulary
) -> str:
    texts = _WORDS.get(metric) or _texts_of(name_of(metric, words))
    (a, b), (low, high) = sides, interval

    if _is_multiple(change) and low > -1:
        if change < 0:  # 100 times as much is easier to read than 1 % of it
            a, b, change, low, high = b, a, 1 / (1 + change) - 1, 1 / (1 + high) - 1, 1 / (1 + low) - 1
        ends = f"{_ratio(1 + low)} to {_ratio(1 + high)} times"
        return f"{_fill(texts.multiple, a, b, _ratio(1 + change), words)} (95 %: {ends})"
    decimals = _decimals_of(interval)
    near, far = (_percent(end, decimals) for end in sorted((abs(low), abs(high))))
    amount = _percent(abs(change), decimals)
    return f"{_fill(texts.more if change > 0 else texts.less, a, b, amount, words)} (95 %: {near} to {far})"


def _fill(text: str, a: str, b: str, amount: str, words: Vocabulary) -> str:
    return text.format(a=a, b=b, amount=amount, one=words.one, many=words.many, answers=words.answers)


def _texts_of(name: str) -> _Words:
    name = name.replace("{", "{{").replace("}", "}}")  # that of a kind is the user's
    return _Words(
        f"{{b}}'s {name} is {{amount}} higher than {{a}}'s",
        f"{{b}}'s {name} is {{amount}} lower than {{a}}'s",
        f"{{b}}'s {name} is {{amount}} times {{a}}'s",
    )


def _describe_failures(difference: Difference, interval: tuple[float, float], a: str, b: str, words: Vocabulary) -> str:
    decimals = _decimals_of(interval)
    near, far = (f"{100 * end:.{decimals}f}" for end in sorted(map(abs, interval)))
    of_b, of_a = format_share(difference.b or 0.0), format_share(difference.a or 0.0)
    return f"{of_b} of {b}'s {words.many} fail, {of_a} of {a}'s (95 %: {near} to {far} points apart)"


def _decimals_of(interval: tuple[float, float]) -> int:
    """Return how many decimals of a percentage say something, by how far the interval reaches: one up to 5 %.

    No end of it gets more than three digits.
    """
    reach, highest = 50 * (interval[1] - interval[0]), 100 * max(map(abs, interval))
    decimals = 1 if reach <= 0 else max(0, math.ceil(-math.log10(reach / 5)))
    return min(decimals, max(0, 2 - math.floor(math.log10(highest)))) if highest else decimals


def _percent(part: float, decimals: int | None = None) -> str:
    return format_percent(part) if decimals is None else f"{100 * part:,.{decimals}f}{_NBSP}%"


def _is_multiple(change: float) -> bool:
    return 0 < 1 + change <= 1 / _AS_MULTIPLE or 1 + change >= _AS_MULTIPLE


def _ratio(ratio: float) -> str:
    return format_multiple(ratio) if ratio >= 1 else f"{ratio:.2g}"


_NAMES: Final[Mapping[str, str]] = {
    "requests_per_second": "throughput",
    "target.cpu_ns_per_request": "CPU time per {one}",
    "client.cpu_ns_per_request": "the client's CPU time per {one}",
    FAILED_REQUESTS: "errors",
}
