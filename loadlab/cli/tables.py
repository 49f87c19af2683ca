"""The results of a run as a table for the terminal."""

from collections.abc import Callable, Iterable
from typing import Final, Literal

from rich import box
from rich.table import Table
from rich.text import Text

from loadlab.results.model import ProcessUsage, RunDocument, TrialResult
from loadlab.units import format_count, format_duration_ns, format_size_bytes

_NOTHING = "-"
_STYLES = {"valid": "green", "suspect": "yellow", "invalid": "red"}


def results_table(document: RunDocument) -> Table:
    """Return one row for each trial, in the order of the sweep; a column that would stay empty is left out.

    "CPU" is what the target spent on one request, "client" what the load workers did, user and system together.
    """
    swept = list(document.profile.get("sweep", {}))
    trials = sorted_trials(document)
    columns: dict[str, list[str]] = {
        path.rpartition(".")[2]: [_factor(trial.factors.get(path)) for trial in trials] for path in swept
    }
    if any(trial.repeat > 1 for trial in trials):
        columns["repeat"] = [str(trial.repeat) for trial in trials]
    figures = {heading: [figure(trial) for trial in trials] for heading, figure in _FIGURES.items()}
    columns |= {heading: cells for heading, cells in figures.items() if set(cells) != {_NOTHING}}
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
    for heading in (*columns, "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for trial, *cells in zip(trials, *columns.values(), strict=True):
        table.add_row(*cells, _judgement(trial))
    return table


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


def _factor(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value)


def _rate(trial: TrialResult) -> str:
    # A capacity that cannot be believed is not printed.
    return format_count(trial.requests_per_second) if trial.requests_per_second and _believed(trial) else _NOTHING


def _response(percentile: Literal["p50", "p99"]) -> Callable[[TrialResult], str]:
    def figure(trial: TrialResult) -> str:
        return _time(getattr(trial.response_ns, percentile) if _believed(trial) else None)

    return figure


def _believed(trial: TrialResult) -> bool:
    return trial.requests > 0 and trial.verdict.state != "invalid"


def _time(time_ns: float | None) -> str:
    return _NOTHING if time_ns is None else format_duration_ns(time_ns)


def _memory(trial: TrialResult) -> str:
    return _NOTHING if trial.bytes_per_unit is None else format_size_bytes(trial.bytes_per_unit)


def _cpu(usage: ProcessUsage | None) -> str:
    if usage is None or usage.cpu_user_ns_per_request is None or usage.cpu_system_ns_per_request is None:
        return _NOTHING
    return format_duration_ns(usage.cpu_user_ns_per_request + usage.cpu_system_ns_per_request)


def _judgement(trial: TrialResult) -> Text:
    if trial.state != "done":
        return Text(trial.state, style="yellow" if trial.state == "not possible" else "red")
    return Text(trial.verdict.state, style=_STYLES[trial.verdict.state])


_FIGURES: Final[dict[str, Callable[[TrialResult], str]]] = {
    "req/s": _rate,
    "p50": _response("p50"),
    "p99": _response("p99"),
    "CPU": lambda trial: _cpu(trial.target),
    "client": lambda trial: _cpu(trial.client),
    "cost": lambda trial: _time(trial.cost_ns),
    "operation": lambda trial: _time(trial.operation_ns),
    "chain": lambda trial: _time(trial.run_ns),
    "memory": _memory,
}
