"""The results of a run as a table for the terminal."""

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from loadlab.results.model import ProcessUsage, RunDocument, TrialResult
from loadlab.units import format_count, format_duration_ns

_NOTHING = "-"
_STYLES = {"valid": "green", "suspect": "yellow", "invalid": "red"}


def results_table(document: RunDocument) -> Table:
    """Return one row for each trial, in the order of the sweep.

    "CPU" is what the target spent on one request, "client" what the load workers did, user and system together.
    """
    swept = list(document.profile.get("sweep", {}))
    repeats = any(trial.repeat > 1 for trial in document.trials)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
    headings = [path.rpartition(".")[2] for path in swept] + (["repeat"] if repeats else [])
    for heading in (*headings, "req/s", "p50", "p99", "CPU", "client", "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for trial in sorted_trials(document):
        factors = [_factor(trial.factors.get(path)) for path in swept]
        table.add_row(*factors, *([str(trial.repeat)] if repeats else []), *_figures(trial), _judgement(trial))
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
    return f"{value:,}" if isinstance(value, int) else str(value)


def _figures(trial: TrialResult) -> list[str]:
    # A capacity that cannot be believed is not printed.
    believed = trial.requests and trial.verdict.state != "invalid"
    rate = format_count(trial.requests_per_second) if believed and trial.requests_per_second else _NOTHING
    response = trial.response_ns
    times = [response.p50, response.p99] if believed else [None, None]
    shown = [_NOTHING if time_ns is None else format_duration_ns(time_ns) for time_ns in times]
    return [rate, *shown, _cpu(trial.target), _cpu(trial.client)]


def _cpu(usage: ProcessUsage | None) -> str:
    if usage is None or usage.cpu_user_ns_per_request is None or usage.cpu_system_ns_per_request is None:
        return _NOTHING
    return format_duration_ns(usage.cpu_user_ns_per_request + usage.cpu_system_ns_per_request)


def _judgement(trial: TrialResult) -> Text:
    if trial.state != "done":
        return Text(trial.state, style="yellow" if trial.state == "not possible" else "red")
    return Text(trial.verdict.state, style=_STYLES[trial.verdict.state])
