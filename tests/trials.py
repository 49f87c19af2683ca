"""Results of trials that a test makes up: what it does not name is as in a valid trial that measured nothing else."""

from typing import Any

from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import KindLevel, KindResult, LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Judgement, Verdict


def make_trial(verdict: Judgement | Verdict = "valid", **fields: Any) -> TrialResult:  # noqa: ANN401 - any field
    """Return the first repeat of trial 001, done and without factors, save for what `fields` say."""
    judged = verdict if isinstance(verdict, Verdict) else Verdict(state=verdict)
    usual = {"id": "001", "repeat": 1, "factors": {}, "state": "done"}
    return TrialResult.model_validate(usual | fields | {"verdict": judged})


def make_kind(name: str, level: KindLevel = "request", **fields: Any) -> KindResult:  # noqa: ANN401 - any field
    """Return 1,000 requests, steps or iterations of a trial, each of 1 to 3 ms, save for what `fields` say."""
    times = LatencySummary(p50=1_000_000, p90=2_000_000, p99=3_000_000, max=3_000_000, mean=1_000_000.0, count=1000)
    usual = {"requests": 1000, "requests_per_second": 100.0, "outcomes": {"ok": 1000}}
    return KindResult.model_validate(
        {"name": name, "level": level, "response_ns": times, "service_ns": times} | usual | fields
    )


def make_usage(**fields: int) -> ProcessUsage:
    """Return the use of one process with one thread over a second, save for what `fields` say."""
    nothing = {"rss_bytes": 1, "cpu_user_ns": 1, "cpu_system_ns": 1, "context_switches": 1}
    return ProcessUsage.model_validate({"processes": 1, "threads": 1, "window_ns": 1_000_000_000} | nothing | fields)
