"""What a comparison of two runs says, in sentences: the answer first, then where it does not hold, then how sure it is.

Runs have letters: A is the base, B the first that is compared with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadlab.analysis.comparison import DISTURBED, ComparedFigure, ComparedSetting, LeftOut, RunComparison
from loadlab.profile.path_names import name_of_value
from loadlab.report.comparison.cells import effect_of
from loadlab.report.differences import describe_difference, format_change, name_of
from loadlab.results.trial import Scalar
from loadlab.results.vocabulary import Vocabulary, vocabulary_for
from loadlab.units import format_percent

BASE: Final = "A"

_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_LEADING: Final = ("requests_per_second", "cost_ns")
_MOST_NAMED: Final = 4
_MOST_LEFT_OUT: Final = 6
# Of the intervals of figures that do not differ at all, so many exclude that by chance.
_BY_CHANCE: Final = 0.05
_FEW: Final = 20


def answer(comparison: RunComparison, other: str = "B") -> Iterator[str]:
    """Yield what the comparison says, a sentence each."""
    words = vocabulary_for(comparison.protocol)
    if len(comparison.settings) == 1:
        yield from _of_one_setting(comparison.settings[0].figures, other, words)
    else:
        yield from _of_many_settings(comparison, other)
    disturbed = sum(any(each.reason == DISTURBED for each in setting.figures) for setting in comparison.settings)
    if disturbed:
        where = f" at {disturbed} of {len(comparison.settings)} settings" if len(comparison.settings) > 1 else ""
        yield (
            f"Throughput and times are not judged{where}: other programs or machines used the CPU during a trial, and "
            f"what they took differs from run to run. CPU time per {words.one} is judged with a wider interval."
        )
    compared = [figure for figure in comparison.figures if figure.change is not None and figure.reason != DISTURBED]
    known = [figure for figure in compared if figure.interval is not None]
    if compared and not known:
        yield (
            "A change cannot be distinguished from noise here, as each figure was measured in a single window: measure "
            "with rounds (--set rounds=10) or repeats (--repeat 5), or both in the same seconds (loadlab ab)."
        )
    elif len(known) > _FEW:
        chance = format_percent(_BY_CHANCE)
        yield (
            f"Of {len(known)} intervals of 95 %, about {round(_BY_CHANCE * len(known))} ({chance}) would exclude “no "
            "difference” by chance alone."
        )


def name_setting(factors: dict[str, Scalar]) -> str:
    """Return a setting in a few words, such as `epoll, 19,000 idle connections`; empty without a sweep.

    The sides of `loadlab ab` have letters as runs have here.
    """
    return ", ".join(
        f"{path} {value}" if path == "variant" else name_of_value(path, value) for path, value in factors.items()
    )


def left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Yield a line for each setting that could not be compared; where there are many, some stand for all."""
    for each in left_out[:_MOST_LEFT_OUT]:
        yield f"Not compared: {name_setting(each.factors) or 'the only setting'}: {each.reason}."
    if len(left_out) > _MOST_LEFT_OUT:
        yield f"Not compared: {len(left_out) - _MOST_LEFT_OUT} more settings."


def doubt_lines(settings: Iterable[ComparedSetting]) -> Iterator[str]:
    """Yield a line for each finding that makes trials suspect, with how many settings it concerns."""
    counted: dict[str, list[str]] = {}
    for setting in settings:
        for doubt in setting.doubts:
            counted.setdefault(doubt.partition(": ")[2], []).append(doubt)
    for text, doubts in counted.items():
        yield doubts[0] if len(doubts) == 1 else f"{len(doubts)} trials are suspect: {text}"


def _of_one_setting(figures: Sequence[ComparedFigure], other: str, words: Vocabulary) -> Iterator[str]:
    """The leading figure in any case, others if they differ, and in one sentence those that do not."""
    same: list[str] = []
    for figure in figures:
        if figure.change is None:
            continue
        if figure.metric in _LEADING or effect_of(figure) in ("better", "worse"):
            yield _sentence(_describe(figure, other, words))
        elif figure.interval is not None:
            same.append(f"{name_of(figure.metric, words)} ({_within(figure)})")
    if same:
        yield f"No difference is shown in {', '.join(same)}."


def _describe(figure: ComparedFigure, other: str, words: Vocabulary) -> str:
    if figure.interval is None:
        change = format_change(figure.change or 0.0, figure.metric)
        return (
            f"{name_of(figure.metric, words)} changed by {change} from {BASE} to {other}, which may be noise: "
            f"{figure.reason}"
        )
    return describe_difference(figure, BASE, other, words)


def _of_many_settings(comparison: RunComparison, other: str) -> Iterator[str]:
    words = vocabulary_for(comparison.protocol)
    for overall in comparison.overall:
        if overall.metric in _LEADING:
            yield f"On average over all settings, {_describe(overall, other, words)}."
    metrics = dict.fromkeys(figure.metric for figure in comparison.figures)
    same: list[str] = []
    for metric in metrics:
        figures = [(setting, figure) for setting in comparison.settings if (figure := setting.figure(metric))]
        known = [(setting, figure) for setting, figure in figures if figure.interval is not None]
        if not known:
            continue
        differing = [(setting, figure) for setting, figure in known if figure.is_clear]
        if differing:
            yield f"{_upper(name_of(metric, words))}: {_list(differing, len(known))}."
        else:
            widest = max((figure for _, figure in known), key=_furthest)
            same.append(f"{name_of(metric, words)} ({_within(widest)})")
    if same:
        yield f"No difference is shown at any setting in {', '.join(same)}."


def _list(differing: Sequence[tuple[ComparedSetting, ComparedFigure]], settings: int) -> str:
    """Say at how many settings a figure is better and worse, with the largest differences."""
    parts = []
    for effect in ("better", "worse"):
        found = [each for each in differing if effect_of(each[1]) == effect]
        if found:
            largest = sorted(found, key=lambda each: -abs(each[1].change or 0.0))[:_MOST_NAMED]
            named = "; ".join(
                f"{name_setting(setting.factors)} {format_change(figure.change or 0.0, figure.metric)}"
                for setting, figure in largest
            )
            more = "; ..." if len(found) > len(largest) else ""
            parts.append(f"{effect} at {len(found)} of {settings} settings ({named}{more})")
    return ", ".join(parts)


def _within(figure: ComparedFigure) -> str:
    reach = format_change(_furthest(figure), figure.metric, signed=False)
    return f"within {reach.replace(_TIMES, 'a factor of ')}"


def _furthest(figure: ComparedFigure) -> float:
    low, high = figure.interval or (0.0, 0.0)
    return max(-low, high)


def _sentence(text: str) -> str:
    return f"{_upper(text)}."


def _upper(text: str) -> str:
    return text if text[:1] == "p" and text[1:2].isdigit() else f"{text[:1].upper()}{text[1:]}"
