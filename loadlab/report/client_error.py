"""What the client itself did to the times that it measured, before the run, in words."""

from loadlab.analysis.verdict import trusted_ns
from loadlab.results.model import Calibration, LatencySummary
from loadlab.units import format_duration_ns


def describe_calibration(calibration: Calibration | None) -> str:
    """Say what the client's own error was before the run; empty where it was not measured."""
    if calibration is None:
        return ""
    return (
        f"Before the run, at {calibration.requests_per_second:,.0f} requests/s over {calibration.connections:,} "
        f"connections of a bundled server, requests left late by {_write(calibration.lateness_ns)}, and the client "
        f"added {_write(calibration.client_ns)} to their times, from the kernel having an answer until it was parsed. "
        "A time on this page can be trusted where it is large against that."
    )


def _write(summary: LatencySummary) -> str:
    """Median and 99th percentile, those of them that rest on enough samples."""
    told = (("p50", trusted_ns(summary, "p50")), ("p99", trusted_ns(summary, "p99")))
    written = [f"{format_duration_ns(value_ns)} ({name})" for name, value_ns in told if value_ns is not None]
    return " and ".join(written) or "an unknown time"
