"""What `loadlab calibrate` does: measure what the client itself adds to the times that it measures, on this machine."""

import json
from typing import Final

import typer
from rich import box
from rich.table import Table

from loadlab.analysis.verdict import trustworthy_percentiles
from loadlab.cli.progress import PhaseProgress
from loadlab.cli.terminal import error_console, show, write, write_prose
from loadlab.errors import ExitCode, TrialFailed
from loadlab.experiment.calibration import THOROUGH, calibrate
from loadlab.experiment.context import RunContext, resources_of_host
from loadlab.experiment.interruption import Interruption
from loadlab.results.requests import LatencySummary
from loadlab.results.run import Calibration
from loadlab.units import format_count, format_duration_ns

_PERCENTILES: Final = ("p50", "p99", "p99.9")
_EXPLAINED: Final = (
    "late: how long after its intended time a request left. added: from the kernel having the answer until the client "
    "had read and parsed it.\nBoth are part of the times that loadlab shows; a figure is trustworthy where it is large "
    "against them."
)


def calibrate_and_show(as_json: bool) -> None:
    """Measure the client's own error and print it, as a table or as JSON. Raises TrialFailed, or ends on Ctrl-C."""
    with Interruption() as interruption, PhaseProgress(error_console()) as progress:
        try:
            measured = calibrate(THOROUGH, RunContext(resources_of_host(), progress, interruption.check))
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not measured:
        raise TrialFailed("nothing could be measured here; `loadlab doctor` says why")
    if as_json:
        write(json.dumps([each.model_dump(mode="json", by_alias=True) for each in measured], indent=1))
        return
    show(calibration_table(measured))
    write_prose(_EXPLAINED)


def calibration_table(measured: list[Calibration]) -> Table:
    """Return one row for each setting."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
    headings = [f"{what} {percentile}" for what in ("late", "added") for percentile in _PERCENTILES]
    for heading in ("req/s", "connections", *headings):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in measured:
        cells = [_cell(summary, name) for summary in (each.lateness_ns, each.client_ns) for name in _PERCENTILES]
        table.add_row(format_count(each.requests_per_second), f"{each.connections:,}", *cells)
    return table


def _cell(summary: LatencySummary, percentile: str) -> str:
    value = summary.model_dump(by_alias=True)[percentile]
    return format_duration_ns(value) if percentile in trustworthy_percentiles(summary.count) else "-"
