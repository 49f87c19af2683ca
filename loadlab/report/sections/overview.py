"""What a reader sees first: what depends on x and by how much, what does not, how sure that is, and the extremes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from loadlab.recording.outcomes import Outcome
from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.load_model import describe_models
from loadlab.report.measures import BYTES_PER_UNIT, Measure
from loadlab.report.panels import Line, LineLaw, Panel, Value, laws_of, panel_of
from loadlab.report.sections.connection_memory import describe_split
from loadlab.report.sections.dependence import changes_of, describe_dependence, describe_repeats, join_many
from loadlab.report.sections.plans import plans_of
from loadlab.report.sections.section import Run, Section
from loadlab.report.sentences import describe_answered, describe_growth, describe_ratio, join_names, write_value
from loadlab.results.model import Scalar, TrialResult

# Values nearer to each other than this are called equal.
_EQUAL_WITHIN: Final = 1.05
_MOST_PLACES: Final = 4
_MOST_LAWS: Final = 3
_NBSP: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Overview(Section):
    """Its sentences, a paragraph each."""

    paragraphs: tuple[str, ...]
    template: ClassVar[str] = "overview.html"


def answer_of(run: Run) -> tuple[str, ...]:
    """Return the sentence that answers the profile's question, for the head of the page; none where there is none."""
    return overview_of(run)[:1]


def sections_of(run: Run) -> Iterator[Overview]:
    """Yield what else there is to say."""
    if paragraphs := overview_of(run)[1:]:
        yield Overview(paragraphs)


def overview_of(run: Run) -> tuple[str, ...]:
    """Return the sentences: on the run's first chart, its load model, and what could not be run at all."""
    document, arrangement = run.document, run.arrangement
    first, *_ = plans = plans_of(document, arrangement)
    lawful = next(plan for plan in plans if plan.laws)
    laws = laws_of(arrangement, document.laws, lawful.laws)
    sentences = describe_run(arrangement, panel_of(arrangement, first.described[0]), laws, lawful.title)
    if run.kind == "switch-cost":
        sentences += describe_run(arrangement, panel_of(arrangement, BYTES_PER_UNIT), (), "")
    impossible = describe_impossible(arrangement)
    return (
        *describe_silence(arrangement),
        *sentences,
        *describe_answered(arrangement),
        *describe_split(arrangement),
        *describe_models(document.profile, run.models),
        *([impossible] if impossible else []),
    )


def describe_run(arrangement: Arrangement, panel: Panel, laws: Sequence[LineLaw], law_of: str) -> tuple[str, ...]:
    """Return the sentences on the run's first panel, none if it has not two points to compare.

    `laws` are those that explain it, of the measure that `law_of` names.
    """
    measure, lines = panel.measure, [line for line in panel.lines if line.measured]
    if not arrangement.x_is_number:
        return tuple(_compare_names(lines, measure))
    changes = changes_of(lines, measure, laws)
    if not changes:
        return tuple(_compare_at_one_place(arrangement, lines, measure))
    growth = describe_growth(arrangement, panel)
    return (
        *describe_dependence(arrangement, changes, measure),
        *([growth] if growth else []),
        *_describe_laws(arrangement, laws, law_of),
        *describe_repeats(changes),
        *_describe_extremes(arrangement, lines, measure),
    )


def describe_silence(arrangement: Arrangement) -> Iterator[str]:
    """Yield where requests were sent and not a single one was answered, although none failed."""
    silent = [setting for setting in arrangement.settings if all(map(_is_silent, setting.trials))]
    if not arrangement.x_is_number:
        if names := [name for setting in silent if (name := arrangement.name_of(setting))]:
            yield f"No request was answered: {join_many(names)}."
        return
    places: dict[int, list[Scalar]] = {}
    for setting in silent:
        places.setdefault(setting.line, []).append(setting.x)
    lines: dict[tuple[Scalar, ...], list[str]] = {}
    for line, places_of_line in places.items():
        lines.setdefault(tuple(places_of_line), []).append(arrangement.line_names[line])
    for where, names in lines.items():
        *others, last = where
        at = join_names([*map(format_scalar, others), arrangement.describe_x(last)])
        yield f"No request was answered{f' by {join_many(names)}' if all(names) else ''} at {at}."


def _is_silent(trial: TrialResult) -> bool:
    outcomes = {outcome for outcome, count in trial.outcomes.items() if count}
    return trial.state == "done" and outcomes == {Outcome.CUT}


def describe_impossible(arrangement: Arrangement) -> str:
    """Name once what this machine lacks for a whole line, or a whole place on x, and why; empty if it lacks nothing.

    What was possible in part of the trials of a line is a result, which has its place in the figures and the table.
    """
    lacking: dict[str, str] = {}
    for name, trials in _whole_groups(arrangement):
        reasons = {(trial.state, trial.reason) for trial in trials}
        if len(reasons) == 1 and trials[0].state == "not possible" and trials[0].reason:
            lacking[name] = trials[0].reason.rstrip(".")
    listed = "; ".join(f"{name} ({reason})" if name else reason for name, reason in lacking.items())
    return f"Not possible on this machine: {listed}." if listed else ""


def _whole_groups(arrangement: Arrangement) -> Iterator[tuple[str, list[TrialResult]]]:
    """The trials of each line that has a name, or of each place on an axis of names."""
    groups: dict[str, list[TrialResult]] = {}
    for setting in arrangement.settings:
        by_line = arrangement.x_is_number or len(arrangement.line_names) > 1
        name = arrangement.line_names[setting.line] if by_line else arrangement.name_of(setting)
        groups.setdefault(name, []).extend(setting.trials)
    yield from groups.items()


def _describe_laws(arrangement: Arrangement, laws: Sequence[LineLaw], law_of: str) -> Iterator[str]:
    """Yield what the fitted laws say, with their intervals: those that depend on x, then the names of the others."""
    if len(laws) == len(arrangement.line_names) == 1:
        [law] = laws
        yield f"{law_of}{'' if law.shape == 'constant' else ':'} {law.text}."
        return
    dependent = [law for law in laws if law.shape != "constant"]
    constant = [law for law in laws if law.shape == "constant"]
    steepest = sorted(dependent, key=lambda law: -abs(law.slope))[:_MOST_LAWS]
    clauses = [law.text for law in steepest]
    if len(dependent) > len(steepest):
        clauses.append(f"{len(dependent) - len(steepest)} more under the chart")
    if len(constant) == 1:
        clauses.append(constant[0].text)
    elif constant:
        quantity = arrangement.x_name.quantity if arrangement.x_name else "x"
        names = [arrangement.line_names[law.line] for law in constant]
        clauses.append(f"{join_many(names)} do not depend on {quantity}")
    if clauses:
        yield f"{law_of}, by the fitted law{'s' if len(laws) > 1 else ''}: {'; '.join(clauses)}."


def _describe_extremes(arrangement: Arrangement, lines: Sequence[Line], measure: Measure) -> Iterator[str]:
    """Yield the best and the worst at the highest x that two lines have reached."""
    for x in reversed(arrangement.x_values):
        here = [(line.name, value) for line in lines for at, value in line.measured if at == x]
        if len(here) > 1:
            yield f"{measure.subject} at {arrangement.describe_x(x)}: {_compare(here, measure)}."
            return


def _compare_at_one_place(arrangement: Arrangement, lines: Iterable[Line], measure: Measure) -> Iterator[str]:
    """The best and the worst of the lines where x has one value only."""
    here = [(line.name, value) for line in lines for _, value in line.measured]
    if len(here) > 1:
        where = f"at {arrangement.describe_x(arrangement.x_values[-1])}"
        yield f"{measure.subject} {where}: {_compare(here, measure)}."


def _compare_names(lines: Sequence[Line], measure: Measure) -> Iterator[str]:
    """The best and the worst at each place on an axis of names; of one line, the best and the worst place."""
    if len(lines) == 1:
        places = [(format_scalar(x), value) for x, value in lines[0].measured if x is not None]
        if len(places) > 1:
            yield f"{measure.subject}: {_compare(places, measure)}."
        return
    at_place: dict[Scalar, list[tuple[str, Value]]] = {}
    for line in lines:
        for x, value in line.measured:
            at_place.setdefault(x, []).append((line.name, value))
    compared = [f"with {format_scalar(x)} {_compare(here, measure)}" for x, here in at_place.items() if len(here) > 1]
    if compared:
        yield f"{measure.subject}: {'; '.join(compared[:_MOST_PLACES])}."


def _compare(values: Sequence[tuple[str, Value]], measure: Measure) -> str:
    """Say which is the best and which the worst of two or more named values, and by how much."""
    quantity = measure.quantity
    by_merit = sorted(values, key=lambda named: named[1].median, reverse=measure.more_is_better)
    (best_name, best), (worst_name, worst) = by_merit[0], by_merit[-1]
    best_word, worst_word = (
        (quantity.highest, quantity.lowest) if measure.more_is_better else (quantity.lowest, quantity.highest)
    )
    best_value, worst_value = write_value(best, quantity), write_value(worst, quantity)
    if worst.at_least:
        return f"the client was the limit ({best_name} {best_value}, {worst_name} {worst_value})"
    if _are_equal(best, worst):
        which = "both" if len(values) == 2 else f"all {len(values)}"
        return f"{which} are within 5{_NBSP}% of each other, {best_name} {best_word} with {best_value}"
    factor = describe_ratio(best, worst)
    return f"{best_name} is {best_word} with {best_value} and {worst_name} {worst_word} with {worst_value}" + (
        f", a factor of {factor}" if factor else ""
    )


def _are_equal(one: Value, other: Value) -> bool:
    low, high = sorted((one, other), key=lambda value: value.median)
    return not high.at_least and high.median <= low.median * _EQUAL_WITHIN
