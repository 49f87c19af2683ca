"""Where the response time goes: the wait before the send, the server with the wire, and the client's own reading.

The parts of one request add up to its response time exactly, and so do their means. Their percentiles do not: the
requests that left latest are not those that the server kept longest.
"""

from typing import Final

from loadlab.report.arrangement import Arrangement
from loadlab.report.measures import measure_of
from loadlab.results.model import TrialResult
from loadlab.units import format_duration_ns

_PARTS: Final = ("lateness_ns", "wire_ns", "dispatch_ns")
P50S: Final = tuple(measure_of(f"{part}.p50") for part in _PARTS)
P99S: Final = tuple(measure_of(f"{part}.p99") for part in _PARTS)
CAVEAT: Final = (
    "Each part has percentiles of its own, which do not add up: the requests that left latest are not those that the "
    "server kept longest. Only means add up."
)


def describe_slowest(arrangement: Arrangement) -> str:
    """Say what the mean response time is made of where it is highest; empty where no trial tells of the parts."""
    split = [
        (_mean(trial), arrangement.name_of(setting), trial)
        for setting in arrangement.settings
        for trial in setting.measured
        if trial.wire_ns.mean is not None
    ]
    if not split:
        return ""
    mean_ns, name, trial = max(split, key=lambda each: each[0])
    lateness, wire, dispatch = (
        format_duration_ns(part.mean or 0.0) for part in (trial.lateness_ns, trial.wire_ns, trial.dispatch_ns)
    )
    where = f" ({name})" if name else ""
    return (
        f"The highest mean response time{where} is {format_duration_ns(mean_ns)}: {lateness} of lateness, {wire} of "
        f"server and wire, and {dispatch} of dispatch."
    )


def _mean(trial: TrialResult) -> float:
    return trial.response_ns.mean or 0.0
