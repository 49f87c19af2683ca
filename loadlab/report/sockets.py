"""What went wrong in TCP while trials were measured, in one line."""

from collections.abc import Sequence
from typing import Final

from loadlab.results.model import TrialResult
from loadlab.results.sockets import SocketCounters

_TITLES: Final = {
    "retransmitted": "segments sent again",
    "listen_overflows": "full accept queues",
    "listen_drops": "connections dropped before they were accepted",
    "resets_sent": "resets sent",
}


def describe_sockets(trials: Sequence[TrialResult]) -> str:
    """Say how often each of it happened on this machine, and in which trials; empty where nothing did."""
    told = [told for field, title in _TITLES.items() if (told := _tell(trials, field, title))]
    return f"TCP on this machine while trials were measured: {'; '.join(told)}." if told else ""


def _tell(trials: Sequence[TrialResult], field: str, title: str) -> str:
    counted = {trial.id: number for trial in trials if (number := _count(trial, field))}
    if not counted:
        return ""
    where = f"trial {', '.join(counted)}" if len(counted) <= 3 else f"{len(counted)} trials"
    return f"{sum(counted.values()):,} {title} ({where})"


def _count(trial: TrialResult, field: str) -> int:
    counters: SocketCounters | None = trial.probes.sockets.counted if trial.probes.sockets else None
    return counters.model_dump()[field] if counters else 0
