"""What a scenario counts beside its trial's own figures: iterations and steps, its requests by name, and checks."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from loadlab.analysis.summary import Percentile
from loadlab.recording.outcomes import Outcome
from loadlab.report.load_model import model_suffix
from loadlab.report.measures import quantity_of
from loadlab.report.scenario import checks_of, failed_share, has_scenario, kinds_of, names_of
from loadlab.report.sections.section import Run, Section
from loadlab.report.sections.step_times import chart_of_steps
from loadlab.report.tables import (
    Cell,
    Column,
    Row,
    Table,
    absent_cell,
    count_cell,
    failures_cell,
    percentile_cell,
    rate_cell,
    statuses_cell,
    time_cell,
    with_interval,
)
from loadlab.report.trial_columns import identity_columns
from loadlab.results.requests import CheckResult, KindResult
from loadlab.results.trial import TrialResult
from loadlab.units import format_share

_PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p90", "p99")
_PREFIXES: Final = {"iteration": "iterations", "step": "steps", "request": "kinds"}
# Longer tables are folded: one row for each step of each trial can be hundreds.
_MOST_ROWS: Final = 40
_MOST_TRIALS: Final = 4
_MOST_IN_ORDER: Final = 20
_NONE_ENDED: Final = "none ended as expected"
_OF_STEPS: Final = (
    "Times run from the beginning of a step or iteration, in an open model from the moment that an iteration was due, "
    "and contain pauses (user.sleep). p50 to max are of those that ended as expected."
)


@dataclass(frozen=True, slots=True)
class Listing:
    """A table with its heading; `is_long` folds it."""

    title: str
    table: Table
    note: str = ""

    @property
    def is_long(self) -> bool:
        """Whether a page should not begin with all of its rows."""
        return len(self.table.rows) > _MOST_ROWS


@dataclass(frozen=True, slots=True)
class Steps(Section):
    """The tables, those that have rows."""

    title: str
    suffix: str
    listings: tuple[Listing, ...]
    template: ClassVar[str] = "steps.html"


def sections_of(run: Run) -> Iterator[Section]:
    """Yield the chart of steps and the tables, of a run with a scenario."""
    if not has_scenario(run.trials):
        return
    if run.document.ab is None and (chart := chart_of_steps(run)) is not None:
        yield chart
    trials = [trial for trial in run.trials if trial.state == "done" and trial.iterations is not None]
    has_steps = any(kinds_of(trial, "step") for trial in trials)
    listings = (
        Listing("Iterations and steps" if has_steps else "Iterations", tabulate_steps(trials), _OF_STEPS),
        Listing("Requests by name", tabulate_requests(trials)),
        Listing("Checks", tabulate_checks(trials, run.arrangement.name_of_trial)),
    )
    yield Steps(
        title="Steps and checks",
        suffix=model_suffix(run.models),
        listings=tuple(listing for listing in listings if listing.table.rows),
    )


def tabulate_steps(trials: Sequence[TrialResult]) -> Table:
    """Return the table of iterations and, in the order of the scenario, steps: those of a trial behind each other."""
    # In a closed model each user always has one under way, so how many were cut says nothing.
    of_open = [
        kind for trial in trials if trial.load_model == "open" for kind in trial.kinds if kind.level != "request"
    ]
    undone = [
        outcome for outcome in (Outcome.DROPPED, Outcome.CUT) if any(kind.outcomes.get(outcome) for kind in of_open)
    ]

    def cells_of(trial: TrialResult, kind: KindResult) -> Iterator[Cell]:
        yield from _figures(trial, kind)
        yield from (count_cell(kind.outcomes.get(outcome, 0)) for outcome in undone)

    columns = ("count", "/s", *_PERCENTILES, "max", "failed", *map(str, undone))
    return _tabulate(
        trials,
        (Column("step", False, broken=True), *(Column(title, True) for title in columns)),
        lambda trial: [
            [_name_cell(kind), *cells_of(trial, kind)] for level in _LEVELS_OF_STEPS for kind in kinds_of(trial, level)
        ],
    )


def tabulate_requests(trials: Sequence[TrialResult]) -> Table:
    """Return the table of requests by name, in the order of the scenario; of very many the most frequent first."""
    names = names_of(trials, "request")
    if len(names) > _MOST_IN_ORDER:
        counts = Counter({name: 0 for name in names})
        for kind in (kind for trial in trials for kind in kinds_of(trial, "request")):
            counts[kind.name] += kind.requests
        names = tuple(name for name, _ in counts.most_common())
    order = {name: place for place, name in enumerate(names)}
    columns = ("requests", "requests/s", *_PERCENTILES, "max", "failed")
    return _tabulate(
        trials,
        (
            Column("request", False, broken=True),
            *(Column(title, True) for title in columns),
            Column("statuses", False, broken=True),
        ),
        lambda trial: [
            [_name_cell(kind), *_figures(trial, kind), statuses_cell(kind.statuses, "no response")]
            for kind in sorted(kinds_of(trial, "request"), key=lambda kind: order[kind.name])
        ],
    )


def tabulate_checks(trials: Sequence[TrialResult], name_of: Callable[[TrialResult], str] = lambda _: "") -> Table:
    """Return the table of checks over all trials, those that failed most often first.

    Of several trials it says in which they failed; `name_of` returns a trial's setting in a few words.
    """
    columns = (
        Column("check", False, broken=True),
        *(Column(title, True) for title in ("passed", "failed", "share failed")),
    )
    several = len(trials) > 1 and any(check.failed for trial in trials for check in trial.checks)
    return Table(
        columns=(*columns, Column("failed in", False, broken=True)) if several else columns,
        rows=tuple(
            Row((*_check_cells(check), *([_failed_in(check.name, trials, name_of)] if several else [])))
            for check in checks_of(trials)
        ),
    )


def _failed_in(check: str, trials: Sequence[TrialResult], name_of: Callable[[TrialResult], str]) -> Cell:
    failed = {trial.id: (trial, each.failed) for trial in trials for each in trial.checks if each.name == check}
    texts = [f"{name_of(trial) or trial.id}: {count:,}" for trial, count in failed.values() if count]
    if not texts:
        return absent_cell("it never failed")
    listed, more = "; ".join(texts[:_MOST_TRIALS]), len(texts) - _MOST_TRIALS
    return Cell(f"{listed}; and {more} more" if more > 0 else listed, len(texts), "; ".join(texts) if more > 0 else "")


_LEVELS_OF_STEPS: Final = ("iteration", "step")
_ReadRows = Callable[[TrialResult], list[list[Cell]]]


def _tabulate(trials: Sequence[TrialResult], columns: tuple[Column, ...], read_rows: _ReadRows) -> Table:
    """Each row begins with the trial that it is of, where there are several."""
    identity = identity_columns(trials) if len(trials) > 1 else []
    return Table(
        columns=(*(Column(column.title, column.numeric) for column in identity), *columns),
        rows=tuple(
            Row((*(column.read(trial) for column in identity), *cells))
            for trial in trials
            for cells in read_rows(trial)
        ),
    )


def _name_cell(kind: KindResult) -> Cell:
    if kind.level == "iteration":
        return Cell(f"{kind.name} (whole iteration)", kind.name, badge="whole")
    return Cell(kind.name, kind.name)


def _figures(trial: TrialResult, kind: KindResult) -> Iterator[Cell]:
    prefix = _PREFIXES[kind.level] + ("" if kind.level == "iteration" else f".{kind.name}")

    def sure(cell: Cell, figure: str) -> Cell:
        return with_interval(cell, trial.confidence.get(f"{prefix}.{figure}"), quantity_of(figure).format)

    yield count_cell(kind.requests)
    if kind.requests_per_second is None or not trial.is_credible:
        yield absent_cell("")
    else:
        yield sure(rate_cell(kind.requests_per_second, trial), "requests_per_second")
    for percentile in _PERCENTILES:
        yield sure(percentile_cell(kind.response_ns, percentile, _NONE_ENDED), f"response_ns.{percentile}")
    yield time_cell(kind.response_ns.max, _NONE_ENDED)
    failed = failures_cell(kind.outcomes)
    yield replace(failed, badge="failed") if failed.sort else failed


def _check_cells(check: CheckResult) -> Iterator[Cell]:
    yield Cell(check.name, check.name)
    yield count_cell(check.passed)
    failed, share = count_cell(check.failed), failed_share(check)
    yield replace(failed, badge="failed") if check.failed else failed
    yield Cell(format_share(share), share)
