"""The columns that say what each trial gave, for the table of the page and that of the terminal."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadlab.analysis.summary import Percentile
from loadlab.recording.outcomes import Outcome
from loadlab.report.idle_memory import MEMORY_OF_ONE
from loadlab.report.layout import format_scalar
from loadlab.report.load_model import models_of
from loadlab.report.measures import CPU_TOTAL, RECEIVED_PER_SECOND, quantity_of
from loadlab.report.scenario import ITERATION_P50, ITERATION_P99, ITERATION_RATE, due_outcomes
from loadlab.report.tables import (
    Cell,
    absent_cell,
    count_cell,
    failures_cell,
    percentile_cell,
    rate_cell,
    size_cell,
    statuses_cell,
    time_cell,
    with_interval,
)
from loadlab.results.idle import IdleProtocol
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import Vocabulary, vocabulary_of

ReadCell = Callable[[TrialResult], Cell]

_SPOKEN: Final[dict[IdleProtocol, str]] = {
    "tcp": "nothing",
    "http": "HTTP, kept alive",
    "websocket": "WebSocket",
    "events": "HTTP, reading events",
}


@dataclass(frozen=True, slots=True)
class TrialColumn:
    """A figure of each trial. `title` heads it on the page, `short` in the terminal; without `short` it is not there.

    Both may be templates of the vocabulary, until they are `worded`.

    A count is shown of trials without figures too: it may say why they have none. With `rare` the page leaves it out
    where it is 0 in all trials, as the terminal does with all counts. `metric` is the name of its interval.
    """

    title: str
    read: ReadCell
    short: str = ""
    numeric: bool = True
    is_count: bool = False
    rare: bool = False
    metric: str = ""

    def cell_of(self, trial: TrialResult) -> Cell:
        """Return the figure of a trial, with its interval if there is one."""
        written = quantity_of(self.metric).format if self.metric else str
        return with_interval(self.read(trial), trial.confidence.get(self.metric), written)

    def worded(self, words: Vocabulary) -> "TrialColumn":
        """Return the column under the words for what is counted."""
        return replace(self, title=words.fill(self.title), short=words.fill(self.short))

    def is_shown(self, trials: Iterable[TrialResult]) -> bool:
        """Whether the page has it: a figure that no trial has gets no column."""
        cells = [self.read(trial) for trial in trials]
        return any(cell.sort for cell in cells) if self.rare else any(cell.sort is not None for cell in cells)


def identity_columns(trials: Sequence[TrialResult]) -> list[TrialColumn]:
    """Return the columns that say which trial it is: its number, its factors, its repeat where there are any.

    And its load model, where the trials do not share one.
    """
    paths = dict.fromkeys(path for trial in trials for path in trial.factors)
    words = vocabulary_of(trials)
    columns = [TrialColumn("trial", lambda trial: Cell(trial.id, trial.id), numeric=False)]
    columns += [_factor_column(path, trials, words) for path in paths]
    if any(trial.repeat > 1 for trial in trials):
        columns.append(TrialColumn("repeat", lambda trial: Cell(str(trial.repeat), trial.repeat), "repeat"))
    if len(models_of(trials)) > 1:
        columns.append(
            TrialColumn("model", lambda trial: Cell(trial.load_model or "", trial.load_model), "model", numeric=False)
        )
    return columns


def figure_columns(words: Vocabulary) -> list[TrialColumn]:
    """Return the columns of figures in their order."""
    return [column.worded(words) for column in _FIGURES]


def anchor_of(trial: TrialResult) -> str:
    """Return the id of the row of a trial on the page."""
    return f"trial-{trial.id}"


def reason_of(trial: TrialResult) -> str:
    """Why there are no figures, or what casts doubt on them; notes are among the findings only."""
    if trial.state != "done":
        return trial.reason or ""
    doubts = [finding.text for finding in trial.verdict.findings if finding.severity != "note"]
    return " ".join(doubts)


def _factor_column(path: str, trials: Sequence[TrialResult], words: Vocabulary) -> TrialColumn:
    def read(trial: TrialResult) -> Cell:
        value = trial.factors.get(path)
        return Cell(format_scalar(value), float(value) if isinstance(value, int | float) else value)

    numeric = all(isinstance(trial.factors.get(path), int | float) for trial in trials)
    return TrialColumn(words.name_of_path(path).many, read, path.rpartition(".")[2], numeric)


def _state(trial: TrialResult) -> Cell:
    """The verdict of a trial that is done, else why it is not."""
    state = trial.verdict.state if trial.state == "done" else trial.state
    return Cell(state, state, badge=state.replace(" ", "-"))


def _rate(trial: TrialResult) -> Cell:
    if trial.requests_per_second is None or not trial.is_credible:
        return absent_cell(reason_of(trial))
    return rate_cell(trial.requests_per_second, trial)


def _iteration_rate(trial: TrialResult) -> Cell:
    rate = ITERATION_RATE.read(trial)
    return absent_cell(reason_of(trial)) if rate is None or not trial.is_credible else rate_cell(rate, trial)


def _iterations(trial: TrialResult) -> LatencySummary:
    return trial.iterations.response_ns if trial.iterations else LatencySummary()


def _offered(trial: TrialResult) -> Cell:
    """What the schedule asked for, of a scenario iterations; not where it is one of the swept values anyway."""
    if trial.offered_per_second is None or trial.offered_per_second == trial.factors.get("load.rate"):
        return absent_cell(reason_of(trial))
    return rate_cell(trial.offered_per_second)


def _time(read: Callable[[TrialResult], float | None]) -> ReadCell:
    return lambda trial: time_cell(read(trial) if trial.state == "done" else None, reason_of(trial))


def _size(read: Callable[[TrialResult], float | None]) -> ReadCell:
    return lambda trial: size_cell(read(trial) if trial.state == "done" else None, reason_of(trial))


def _percentile(summary_of: Callable[[TrialResult], LatencySummary], name: Percentile) -> ReadCell:
    def read(trial: TrialResult) -> Cell:
        summary = summary_of(trial) if trial.state == "done" else LatencySummary()
        return percentile_cell(summary, name, reason_of(trial))

    return read


def _service(trial: TrialResult) -> LatencySummary:
    """In a closed model they are the response times again, and so are those of requests within a scenario."""
    return trial.service_ns if trial.load_model == "open" and trial.iterations is None else LatencySummary()


def _gap(trial: TrialResult) -> LatencySummary:
    """Of events it is the time between them, which is the response time again."""
    return LatencySummary() if trial.protocol == "events" else trial.gap_ns


def _byte_rate(trial: TrialResult) -> Cell:
    rate = RECEIVED_PER_SECOND.read(trial)
    return absent_cell(reason_of(trial)) if rate is None else Cell(RECEIVED_PER_SECOND.quantity.format(rate), rate)


def _client_cpu_ns(trial: TrialResult) -> float | None:
    """The worker of an open load watches the clock between requests, so its CPU time is not theirs."""
    return trial.client.cpu_ns_per_request if trial.client and trial.load_model != "open" else None


def _memory_bytes(trial: TrialResult) -> float | None:
    usage = trial.target
    return None if usage is None else usage.rss_bytes if usage.pss_bytes is None else usage.pss_bytes


def _failed(trial: TrialResult) -> Cell:
    done = trial.state == "done" and trial.outcomes
    return failures_cell(trial.outcomes) if done else absent_cell(reason_of(trial))


def _dropped(trial: TrialResult) -> Cell:
    return _outcome(trial, Outcome.DROPPED)


def _cut(trial: TrialResult) -> Cell:
    """In a closed model each user always has one in flight, so their number says nothing."""
    return absent_cell("") if trial.load_model == "closed" else _outcome(trial, Outcome.CUT)


def _outcome(trial: TrialResult, outcome: Outcome) -> Cell:
    """Of what a schedule asks for: requests, or the iterations of a scenario."""
    outcomes = due_outcomes(trial)
    done = trial.state == "done" and outcomes
    return count_cell(outcomes.get(outcome, 0)) if done else absent_cell(reason_of(trial))


def _iterations_failed(trial: TrialResult) -> Cell:
    if trial.iterations is None or trial.state != "done":
        return absent_cell(reason_of(trial))
    return failures_cell(trial.iterations.outcomes)


def _checks_failed(trial: TrialResult) -> Cell:
    if not trial.checks:
        return absent_cell("no checks")
    note = ", ".join(f"{check.name}: {check.failed:,}" for check in trial.checks if check.failed)
    return count_cell(sum(check.failed for check in trial.checks), note)


def _statuses(trial: TrialResult) -> Cell:
    return statuses_cell(trial.statuses, reason_of(trial))


def _counted(read: Callable[[TrialResult], int]) -> ReadCell:
    return lambda trial: count_cell(read(trial)) if trial.state == "done" else absent_cell(reason_of(trial))


def _alive(trial: TrialResult) -> Cell:
    if trial.idle is None:
        return absent_cell(reason_of(trial))
    note = f"{trial.idle.opened:,} of {trial.idle.wanted:,} opened, in {trial.idle.open_seconds:.2f} s"
    if trial.idle.protocol != "tcp":
        note += f"; they speak {_SPOKEN[trial.idle.protocol]}"
    if trial.idle.pings:
        note += f", and answered {trial.idle.pings:,} ping{'' if trial.idle.pings == 1 else 's'}"
    return Cell(f"{trial.idle.alive:,}", trial.idle.alive, note)


VERDICT: Final = TrialColumn("verdict", _state, "verdict", numeric=False)
_FIGURES: Final[tuple[TrialColumn, ...]] = (
    TrialColumn("offered", _offered, "offered"),
    TrialColumn("iterations/s", _iteration_rate, "iter/s", metric=ITERATION_RATE.metric),
    TrialColumn("iteration p50", _percentile(_iterations, "p50"), metric=ITERATION_P50.metric),
    TrialColumn("iteration p99", _percentile(_iterations, "p99"), "iter p99", metric=ITERATION_P99.metric),
    TrialColumn("iterations failed", _iterations_failed, "iter failed", is_count=True, rare=True),
    TrialColumn("{many}/s", _rate, "{rate}", metric="requests_per_second"),
    TrialColumn("failed", _failed, "failed", is_count=True),
    TrialColumn("dropped", _dropped, "dropped", is_count=True, rare=True),
    TrialColumn("cut", _cut, "cut", is_count=True, rare=True),
    TrialColumn("checks failed", _checks_failed, "checks failed", is_count=True, rare=True),
    TrialColumn("statuses", _statuses, is_count=True, rare=True),
    TrialColumn("retried", _counted(lambda trial: trial.retried), is_count=True, rare=True),
    TrialColumn("surplus", _counted(lambda trial: trial.surplus), is_count=True, rare=True),
    TrialColumn("streams ended", _counted(lambda trial: trial.ended), is_count=True, rare=True),
    TrialColumn("unasked", _counted(lambda trial: trial.unasked), is_count=True, rare=True),
    TrialColumn("pings answered", _counted(lambda trial: trial.pings), is_count=True, rare=True),
    TrialColumn("delay p50", _percentile(lambda trial: trial.delay_ns, "p50"), "delay p50", metric="delay_ns.p50"),
    TrialColumn("delay p99", _percentile(lambda trial: trial.delay_ns, "p99"), "delay p99", metric="delay_ns.p99"),
    TrialColumn("p50", _percentile(lambda trial: trial.response_ns, "p50"), "p50", metric="response_ns.p50"),
    TrialColumn("service p50", _percentile(_service, "p50"), metric="service_ns.p50"),
    TrialColumn("p90", _percentile(lambda trial: trial.response_ns, "p90"), metric="response_ns.p90"),
    TrialColumn("p99", _percentile(lambda trial: trial.response_ns, "p99"), "p99", metric="response_ns.p99"),
    TrialColumn("service p99", _percentile(_service, "p99"), "service p99", metric="service_ns.p99"),
    TrialColumn("p99.9", _percentile(lambda trial: trial.response_ns, "p99.9"), metric="response_ns.p99.9"),
    TrialColumn("max", _time(lambda trial: trial.response_ns.max)),
    TrialColumn("first p50", _percentile(lambda trial: trial.first_ns, "p50"), "first p50", metric="first_ns.p50"),
    TrialColumn("first p99", _percentile(lambda trial: trial.first_ns, "p99"), "first p99", metric="first_ns.p99"),
    TrialColumn("gap p50", _percentile(_gap, "p50"), "gap p50", metric="gap_ns.p50"),
    TrialColumn("gap p99", _percentile(_gap, "p99"), "gap p99", metric="gap_ns.p99"),
    TrialColumn("bytes/s", _byte_rate),
    TrialColumn("added by client p50", _percentile(lambda trial: trial.client_ns, "p50")),
    TrialColumn("added by client p99", _percentile(lambda trial: trial.client_ns, "p99")),
    TrialColumn("connections opened", _counted(lambda trial: trial.connects.opened), is_count=True, rare=True),
    TrialColumn("connect p50", _percentile(lambda trial: trial.connect_ns, "p50")),
    TrialColumn("connect p99", _percentile(lambda trial: trial.connect_ns, "p99")),
    TrialColumn("TLS handshake p50", _percentile(lambda trial: trial.handshake_ns, "p50")),
    TrialColumn("TLS handshake p99", _percentile(lambda trial: trial.handshake_ns, "p99")),
    TrialColumn("WebSocket upgrade p50", _percentile(lambda trial: trial.upgrade_ns, "p50")),
    TrialColumn("WebSocket upgrade p99", _percentile(lambda trial: trial.upgrade_ns, "p99")),
    TrialColumn("CPU per {one}", _time(CPU_TOTAL.read), "CPU per {brief}", metric="target.cpu_ns_per_request"),
    TrialColumn("user", _time(lambda trial: trial.target.cpu_user_ns_per_request if trial.target else None)),
    TrialColumn("system", _time(lambda trial: trial.target.cpu_system_ns_per_request if trial.target else None)),
    TrialColumn(
        "client CPU per {one}", _time(_client_cpu_ns), "client CPU per {brief}", metric="client.cpu_ns_per_request"
    ),
    TrialColumn("memory", _size(_memory_bytes)),
    TrialColumn("cost", _time(lambda trial: trial.cost_ns), "cost"),
    TrialColumn("least cost", _time(lambda trial: trial.cost_ns_min)),
    TrialColumn("measuring overhead", _time(lambda trial: trial.overhead_ns)),
    TrialColumn("operation", _time(lambda trial: trial.operation_ns), "operation"),
    TrialColumn("whole chain", _time(lambda trial: trial.run_ns), "chain"),
    TrialColumn("memory of one", _size(lambda trial: trial.bytes_per_unit), "memory"),
    TrialColumn("idle alive", _alive),
    TrialColumn("memory of one idle", _size(MEMORY_OF_ONE.read), "memory of one idle", metric=MEMORY_OF_ONE.metric),
)
