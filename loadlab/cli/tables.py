"""The results of a run as a table for the terminal, and what its probes did not see."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from loadlab.analysis.summary import Percentile
from loadlab.analysis.verdict import throughput_is_lower_bound, trusted_ns
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.model import LatencySummary, LoadModel, RunDocument, TrialResult
from loadlab.results.probe_data import Probes, ProcessUsage
from loadlab.units import format_count, format_duration_ns, format_size_bytes

_NOTHING = "-"
_STYLES = {"valid": "green", "suspect": "yellow", "invalid": "red"}
_MODELS: Final[dict[LoadModel, str]] = {
    "closed": "Closed model: users wait with the server, so p99 is no user's p99.",
    "open": "Open model: p50 and p99 are response times, from when a request was due; service times from when it left.",
}


def results_table(document: RunDocument) -> Table:
    """Return one row for each trial, in the order of the sweep; a column that would stay empty is left out.

    A column of failed, dropped or cut requests that are all 0 is left out too, and a percentile that too few samples
    lie beyond is not shown. "≥" says that the load held the target back. "CPU" is what the target spent on one request,
    "client" what the load workers did, user and system together.
    """
    swept = list(document.profile.get("sweep", {}))
    trials = sorted_trials(document)
    columns: dict[str, list[str]] = {
        path.rpartition(".")[2]: [_factor(trial.factors.get(path)) for trial in trials] for path in swept
    }
    if any(trial.repeat > 1 for trial in trials):
        columns["repeat"] = [str(trial.repeat) for trial in trials]
    models = _models(trials)
    if len(models) > 1:
        columns["model"] = [trial.load_model or _NOTHING for trial in trials]
    figures = {heading: [figure(trial) for trial in trials] for heading, figure in _FIGURES.items()}
    columns |= {heading: cells for heading, cells in figures.items() if not set(cells) <= {_NOTHING}}
    counts = {heading: [_count(outcomes, trial) for trial in trials] for heading, outcomes in _COUNTS.items()}
    columns |= {heading: cells for heading, cells in counts.items() if not set(cells) <= {_NOTHING, "0"}}
    if models == ["closed"]:  # there it is each connection's last request, and tells nothing
        columns.pop("cut", None)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, collapse_padding=True)
    for heading in (*columns, "verdict"):
        # On a narrow terminal a figure in two lines is better than one without its end.
        table.add_column(heading, justify="right", overflow="fold")
    for trial, *cells in zip(trials, *columns.values(), strict=True):
        table.add_row(*cells, _judgement(trial))
    return table


def load_model_lines(document: RunDocument) -> Iterable[str]:
    """Yield what the percentiles in the table mean, a line for each model of load that has any."""
    return (_MODELS[model] for model in _models(trial for trial in document.trials if _believed(trial)))


def sorted_trials(document: RunDocument) -> list[TrialResult]:
    """Return the trials in the order in which the profile's sweep names its values, not in running order."""
    order = {
        path: {str(value): position for position, value in enumerate(values)}
        for path, values in document.profile.get("sweep", {}).items()
    }

    def position(trial: TrialResult) -> tuple[int, ...]:
        return (*(order[path].get(str(trial.factors.get(path)), 0) for path in order), trial.repeat)

    return sorted(document.trials, key=position)


def findings_lines(document: RunDocument) -> Iterable[str]:
    """Yield one line for each kind of finding beyond a note, with how many trials it concerns."""
    counted: dict[str, tuple[int, str]] = {}
    for trial in document.trials:
        for finding in trial.verdict.findings:
            if finding.severity != "note":
                times, _ = counted.get(finding.code, (0, ""))
                counted[finding.code] = (times + 1, f"{finding.text} {finding.advice}")
    for times, told in counted.values():
        yield f"{times} of {len(document.trials)} trials: {told}"


def _models(trials: Iterable[TrialResult]) -> list[LoadModel]:
    return list(dict.fromkeys(trial.load_model for trial in trials if trial.load_model))


def _factor(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value)


def _offered(trial: TrialResult) -> str:
    if trial.offered_per_second is None or trial.offered_per_second == trial.factors.get("load.rate"):
        return _NOTHING
    return format_count(trial.offered_per_second)


def _rate(trial: TrialResult) -> str:
    # A capacity that cannot be believed is not printed.
    if not trial.requests_per_second or not _believed(trial):
        return _NOTHING
    figure = format_count(trial.requests_per_second)
    return f"≥ {figure}" if throughput_is_lower_bound(trial) else figure


def _percentile(summary: Callable[[TrialResult], LatencySummary], name: Percentile) -> Callable[[TrialResult], str]:
    return lambda trial: _time(trusted_ns(summary(trial), name) if _believed(trial) else None)


def _believed(trial: TrialResult) -> bool:
    return trial.requests > 0 and trial.verdict.state != "invalid"


def _time(time_ns: float | None) -> str:
    return _NOTHING if time_ns is None else format_duration_ns(time_ns)


def _memory(trial: TrialResult) -> str:
    return _NOTHING if trial.bytes_per_unit is None else format_size_bytes(trial.bytes_per_unit)


def _cpu(usage: ProcessUsage | None) -> str:
    if usage is None or usage.cpu_ns_per_request is None:
        return _NOTHING
    return format_duration_ns(usage.cpu_ns_per_request)


def _count(outcomes: Iterable[Outcome], trial: TrialResult) -> str:
    if not trial.outcomes:
        return _NOTHING
    return format_count(sum(trial.outcomes.get(outcome, 0) for outcome in outcomes))


def _judgement(trial: TrialResult) -> Text:
    if trial.state != "done":
        return Text(trial.state, style="yellow" if trial.state == "not possible" else "red")
    return Text(trial.verdict.state, style=_STYLES[trial.verdict.state])


_FIGURES: Final[dict[str, Callable[[TrialResult], str]]] = {
    "offered": _offered,
    "req/s": _rate,
    "p50": _percentile(lambda trial: trial.response_ns, "p50"),
    "p99": _percentile(lambda trial: trial.response_ns, "p99"),
    # A closed load sends when its user wants to: there it is the response time, but for the opening of a connection.
    "service p99": _percentile(
        lambda trial: trial.service_ns if trial.load_model == "open" else LatencySummary(), "p99"
    ),
    "CPU": lambda trial: _cpu(trial.target),
    # The worker of an open load watches the clock between requests, so its CPU time is not theirs.
    "client": lambda trial: _cpu(None if trial.load_model == "open" else trial.client),
    "cost": lambda trial: _time(trial.cost_ns),
    "operation": lambda trial: _time(trial.operation_ns),
    "chain": lambda trial: _time(trial.run_ns),
    "memory": _memory,
}
_COUNTS: Final[dict[str, frozenset[Outcome]]] = {
    "failed": FAILURES - {Outcome.DROPPED},
    "dropped": frozenset({Outcome.DROPPED}),
    "cut": frozenset({Outcome.CUT}),
}


def unseen_lines(document: RunDocument) -> Iterable[str]:
    """Yield one line for each probe that saw nothing of the target, with the reason that the first such trial gives."""
    counted: dict[str, tuple[int, str]] = {}
    for trial in document.trials:
        for probe, reason in _unseen(trial.probes):
            times, first = counted.get(probe, (0, reason))
            counted[probe] = (times + 1, first)
    for probe, (times, reason) in counted.items():
        yield f"{times} of {len(document.trials)} trials: The probe {probe} saw nothing of the target: {reason}"


def _unseen(probes: Probes) -> Iterator[tuple[str, str]]:
    if (syscalls := probes.syscalls) and syscalls.target is None:
        lacks = syscalls.missed if syscalls.backend is None else []
        yield "syscalls", "; ".join([*syscalls.problems, *lacks])
    if (cpu := probes.cpu) and not (cpu.target and cpu.target.profiles):
        yield "cpu", "; ".join([*cpu.problems, *(cpu.target.missing if cpu.target else [])])
