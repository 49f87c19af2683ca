"""What a reader sees first: the answer to the profile's question, for the head of the page; and what else there is.

An answer says which series depend on x and by how much, which do not, and how they compare. Of a single trial it says
its figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from loadlab.recording.outcomes import Outcome
from loadlab.report.idle_memory import MEMORY_OF_ONE
from loadlab.report.layout import Arrangement, format_scalar
from loadlab.report.load_model import describe_models
from loadlab.report.measures import BYTES_PER_UNIT, CPU_TOTAL, DELAY_P50, DELAY_P99, THROUGHPUT, Measure
from loadlab.report.paired import describe_answer
from loadlab.report.panels import LineLaw, Panel, laws_of, panel_of
from loadlab.report.sections.changes import changes_of
from loadlab.report.sections.connection_memory import describe_split
from loadlab.report.sections.contrasts import (
    describe_contrast,
    describe_extremes,
    describe_names,
    subject_of,
    subject_place,
)
from loadlab.report.sections.dependence import (
    describe_dependence,
    describe_doubts,
    describe_repeats,
    describe_times_apart,
    join_many,
)
from loadlab.report.sections.iterations import describe_scenario
from loadlab.report.sections.plans import plans_of
from loadlab.report.sections.section import Run, Section
from loadlab.report.sections.single_target import describe_single, describe_tail, describe_times, target_of
from loadlab.report.sentences import (
    describe_answered,
    describe_completed,
    describe_growth,
    join_names,
)
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.vocabulary import ITERATIONS_OF_A_SCENARIO

_MOST_LAWS: Final = 3
# Where these are asked for first, the next question is what a request costs meanwhile.
_WITH_COST: Final = frozenset({MEMORY_OF_ONE.metric, DELAY_P50.metric, DELAY_P99.metric})


@dataclass(frozen=True, slots=True)
class Overview(Section):
    """Its sentences, a paragraph each."""

    paragraphs: tuple[str, ...]
    template: ClassVar[str] = "overview.html"


@dataclass(frozen=True, slots=True)
class Answer:
    """What answers the profile's question, and what is to be said behind it; a paragraph each."""

    head: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


def sections_of(run: Run) -> Iterator[Overview]:
    """Yield the section if there is anything to say behind the answer."""
    if paragraphs := overview_of(run).rest:
        yield Overview(paragraphs)


def overview_of(run: Run) -> Answer:
    """Return the answer, on the run's first chart, and all that is to be known about the run beside it."""
    document, arrangement = run.document, run.arrangement
    if document.ab is not None:
        return Answer((describe_answer(document),), tuple(describe_models(document.profile, run.models, run.words)))
    first, *_ = plans = plans_of(document, arrangement)
    lawful = next(plan for plan in plans if plan.laws)
    laws = laws_of(arrangement, document.laws, lawful.laws)
    panel = panel_of(arrangement, first.described[0])
    answer = describe_run(arrangement, panel, laws, lawful.title, document.profile)
    # What is known of one server only is an answer, of many servers a detail, unless it was asked for. Where x is a
    # name, as in a comparison of ways to connect, memory is part of the answer.
    tail, memory = tuple(describe_tail(arrangement)), tuple(describe_split(arrangement))
    of_one_line = len(arrangement.line_names) == 1 and run.kind == "load"
    of_memory = panel.measure.metric == MEMORY_OF_ONE.metric
    if of_memory and not of_one_line:
        answer = _capacities_first(arrangement, panel, answer, memory, subject_of(document.profile, arrangement))
    head = (*describe_silence(arrangement), *answer.head)
    if run.kind == "switch-cost":
        head += describe_run(arrangement, panel_of(arrangement, BYTES_PER_UNIT)).head
    if len(arrangement.settings) == 1:
        head = (*head, *describe_single(run, first.described[0]))
    if of_one_line and arrangement.x_is_number and panel.measure.words != ITERATIONS_OF_A_SCENARIO:
        head = (*head, *describe_times(arrangement))
    if panel.measure.metric in _WITH_COST and arrangement.x_is_number:
        cost = panel_of(arrangement, CPU_TOTAL)
        changes = changes_of(arrangement, [line for line in cost.lines if line.measured], cost.measure, laws)
        head = (*head, *(describe_dependence(arrangement, changes, cost.measure) if changes else ()))
    head = (*head, *describe_scenario(arrangement))
    impossible = describe_impossible(arrangement)
    leads = of_one_line or not (arrangement.x_is_number or of_memory)
    return Answer(
        head=(*head, *(tail if of_one_line else ()), *(memory if leads else ())),
        rest=(
            *answer.rest,
            *(() if of_one_line else tail),
            *(() if leads or of_memory else memory),
            *describe_answered(arrangement),
            *describe_completed(arrangement),
            *describe_models(document.profile, run.models, run.words),
            *([impossible] if impossible else []),
        ),
    )


def describe_run(
    arrangement: Arrangement,
    panel: Panel,
    laws: Sequence[LineLaw] = (),
    law_of: str = "",
    profile: Mapping[str, Any] | None = None,
) -> Answer:
    """Return what the run's first panel says, nothing if it has not two points to compare.

    `laws` are those that explain it, of the measure that `law_of` names; `profile` says what the run is about.
    """
    measure, lines = _named(panel.measure, arrangement, profile or {}), [line for line in panel.lines if line.measured]
    subject = subject_of(profile or {}, arrangement)
    if not arrangement.x_is_number:
        place = subject_place(profile or {}, arrangement) if len(lines) == 1 else ""
        return Answer(head=tuple(describe_names(arrangement, lines, measure, place or _name(arrangement, subject))))
    changes = changes_of(arrangement, lines, measure, laws)
    extremes = tuple(describe_extremes(arrangement, lines, measure, subject))
    if not changes:
        return Answer(head=extremes)
    growth = describe_growth(arrangement, panel)
    contrast = tuple(describe_contrast(arrangement, lines, measure))
    return Answer(
        head=(
            *contrast,
            *describe_dependence(arrangement, changes, measure, subject),
            *([growth] if growth else () if contrast else extremes),
        ),
        rest=(
            *(extremes if growth else ()),
            *_describe_laws(arrangement, laws, law_of),
            *describe_doubts(arrangement, changes),
            *describe_times_apart(changes),
            *describe_repeats(changes),
        ),
    )


def _capacities_first(
    arrangement: Arrangement, panel: Panel, answer: Answer, memory: tuple[str, ...], subject: int | None
) -> Answer:
    """The answer of a run on memory: how many connections fit and where least is taken; how that varies is a detail."""
    lines = [line for line in panel.lines if line.measured]
    extremes = tuple(describe_extremes(arrangement, lines, panel.measure, subject)) if arrangement.x_is_number else ()
    others = tuple(sentence for sentence in answer.head if sentence not in extremes)
    return Answer((*memory, *(extremes or others)), (*(others if extremes else ()), *answer.rest))


def describe_silence(arrangement: Arrangement) -> Iterator[str]:
    """Yield where requests were sent and not a single one was answered, although none failed."""
    silent = [setting for setting in arrangement.settings if all(map(_is_silent, setting.trials))]
    if not arrangement.x_is_number:
        if names := [name for setting in silent if (name := arrangement.name_of(setting))]:
            yield f"{_nothing(arrangement)}: {join_many(names)}."
        return
    places: dict[int, list[Scalar]] = {}
    for setting in silent:
        places.setdefault(setting.line, []).append(setting.x)
    lines: dict[tuple[Scalar, ...], list[str]] = {}
    for line, places_of_line in places.items():
        lines.setdefault(tuple(places_of_line), []).append(arrangement.line_names[line])
    by = "from" if arrangement.words.pushed else "by"
    for where, names in lines.items():
        *others, last = where
        at = join_names([*map(format_scalar, others), arrangement.describe_x(last)])
        yield f"{_nothing(arrangement)}{f' {by} {join_many(names)}' if all(names) else ''} at {at}."


def _nothing(arrangement: Arrangement) -> str:
    return f"No {arrangement.words.message} was {arrangement.words.answered}"


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


def _named(measure: Measure, arrangement: Arrangement, profile: Mapping[str, Any]) -> Measure:
    """A measure of the target by its name, where no line has it."""
    name = target_of(profile)
    if arrangement.line_names != ("",) or not name or not arrangement.x_is_number or "target" in measure.title:
        return measure
    return measure.called(f"{measure.subject} {'of' if measure.metric == THROUGHPUT.metric else 'with'} {name}")


def _name(arrangement: Arrangement, line: int | None) -> str:
    return arrangement.line_names[line] if line is not None else ""
