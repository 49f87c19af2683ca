"""Verdicts: each rule just below and just above its threshold, and how findings add up."""

from typing import Any

import pytest

from loadlab.analysis.verdict import WindowEvidence, judge_run, judge_trial, trustworthy_percentiles
from loadlab.results.model import (
    IdleSummary,
    Judgement,
    LatencySummary,
    ProcessUsage,
    TrialResult,
    TrialState,
    Verdict,
)

QUIET = WindowEvidence(
    steal_fraction=0.0, client_busy_by_worker=(0.5,), target_busy=1.0, target_cores=1, asked_ns=2_000_000_000
)


def trial(**changes: Any) -> TrialResult:  # noqa: ANN401 - fields of a trial
    return TrialResult.model_validate(
        {
            "id": "001",
            "repeat": 1,
            "factors": {},
            "state": "done",
            "verdict": Verdict(state="valid"),
            "window_ns": 2_000_000_000,
            "requests": 20_000,
            "outcomes": {"ok": 20_000},
            "response_ns": LatencySummary(p99=1_000_000, count=20_000),
            "dispatch_ns": LatencySummary(p99=100_000, count=20_000),
            **changes,
        }
    )


def window(**changes: Any) -> WindowEvidence:  # noqa: ANN401 - fields of the evidence
    known = {name: getattr(QUIET, name) for name in QUIET.__slots__}
    return WindowEvidence(**{**known, **changes})


def idle(wanted: int, opened: int, alive: int) -> IdleSummary:
    return IdleSummary(wanted=wanted, opened=opened, alive_at_start=opened, alive=alive, open_seconds=1, holders=1)


def threads(number: int) -> ProcessUsage:
    return ProcessUsage(
        processes=1, threads=number, rss_bytes=1, cpu_user_ns=1, cpu_system_ns=1, context_switches=1, window_ns=1
    )


def findings(result: TrialResult, evidence: WindowEvidence) -> dict[str, str]:
    return {finding.code: finding.severity for finding in judge_trial(result, evidence).findings}


def test_a_sound_measurement_is_valid_without_findings() -> None:
    assert judge_trial(trial(), QUIET) == Verdict(state="valid", findings=[])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"requests": 0, "outcomes": {}, "response_ns": LatencySummary()}, {"no_requests": "invalid"}),
        ({"outcomes": {"ok": 99, "timeout": 1}}, {}),
        ({"outcomes": {"ok": 98, "timeout": 1, "reset": 1}}, {"failures": "suspect"}),
        ({"outcomes": {"ok": 50, "timeout": 50}}, {"failures": "suspect"}),
        ({"outcomes": {"ok": 49, "timeout": 51}}, {"failures": "invalid"}),
        ({"outcomes": {"ok": 1, "cut": 99}}, {}),
        ({"idle": idle(1000, 1000, 1000)}, {}),
        ({"idle": idle(0, 0, 0)}, {}),
        ({"idle": idle(1000, 999, 999)}, {"idle_not_opened": "suspect"}),
        ({"idle": idle(1000, 899, 899)}, {"idle_not_opened": "invalid"}),
        ({"idle": idle(1000, 1000, 999)}, {"idle_died": "suspect"}),
        ({"idle": idle(1000, 1000, 899)}, {"idle_died": "invalid"}),
        ({"dispatch_ns": LatencySummary(p99=500_000, count=20_000)}, {}),
        ({"dispatch_ns": LatencySummary(p99=500_001, count=20_000)}, {"late_dispatch": "suspect"}),
        ({"response_ns": LatencySummary(p99=1_000_000, count=9_999)}, {"few_samples": "note"}),
        ({"window_ns": 1_600_000_000}, {}),
        ({"window_ns": 1_599_999_999}, {"short_window": "suspect"}),
    ],
)
def test_what_the_trial_shows(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(trial(**changes), QUIET) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"steal_fraction": None}, {}),
        ({"steal_fraction": 0.02}, {}),
        ({"steal_fraction": 0.021}, {"stolen": "suspect"}),
        ({"steal_fraction": 0.21}, {"stolen": "invalid"}),
        ({"client_busy_by_worker": ()}, {}),
        ({"client_busy_by_worker": (0.1, 0.94), "target_busy": 0.2}, {}),
        ({"client_busy_by_worker": (0.1, 0.95), "target_busy": 0.2}, {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.95,), "target_busy": 0.86}, {}),
        ({"client_busy_by_worker": (0.95,), "target_busy": 1.0, "target_cores": 2}, {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.95,), "target_busy": None}, {"client_bound": "suspect"}),
        ({"asked_ns": None}, {}),
    ],
)
def test_what_the_window_shows(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(trial(), window(**changes)) == expected


def test_a_target_of_one_thread_cannot_use_a_second_core() -> None:
    evidence = window(client_busy_by_worker=(0.99,), target_busy=1.0, target_cores=2)
    assert findings(trial(target=threads(1)), evidence) == {}
    assert findings(trial(target=threads(2)), evidence) == {"client_bound": "suspect"}


def test_evidence_is_in_the_units_of_the_result() -> None:
    verdict = judge_trial(trial(dispatch_ns=LatencySummary(p99=900_000, count=20_000)), QUIET)
    assert verdict.findings[0].evidence == "p99 of dispatch 900 µs, of response 1 ms"
    verdict = judge_trial(trial(outcomes={"ok": 1000, "timeout": 900, "reset": 100}), QUIET)
    assert verdict.findings[0].evidence == "50.0% of 2k requests, most by timeout"


def test_weak_percentiles_are_named() -> None:
    verdict = judge_trial(trial(response_ns=LatencySummary(p99=1_000_000, count=500)), QUIET)
    assert verdict.state == "valid"
    assert verdict.findings[0].evidence == "fewer than 10 of 500 requests lie beyond p99, p99.9"


def test_the_state_is_that_of_the_gravest_finding() -> None:
    suspect = trial(idle=idle(1000, 1000, 999))
    assert judge_trial(suspect, QUIET).state == "suspect"
    assert judge_trial(suspect, window(steal_fraction=0.5)).state == "invalid"


@pytest.mark.parametrize(
    ("count", "trusted"),
    [
        (0, set()),
        (19, set()),
        (20, {"p50"}),
        (100, {"p50", "p90"}),
        (999, {"p50", "p90"}),
        (1_000, {"p50", "p90", "p99"}),
        (10_000, {"p50", "p90", "p99", "p99.9"}),
    ],
)
def test_trustworthy_percentiles(count: int, trusted: set[str]) -> None:
    assert trustworthy_percentiles(count) == trusted


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([], "invalid"),
        ([("not possible", "valid")], "invalid"),
        ([("interrupted", "valid")], "invalid"),
        ([("done", "valid")], "valid"),
        ([("done", "valid"), ("not possible", "invalid")], "valid"),
        ([("done", "valid"), ("done", "suspect")], "suspect"),
        ([("done", "suspect"), ("done", "invalid"), ("done", "valid")], "invalid"),
        ([("done", "valid"), ("failed", "valid")], "invalid"),
        ([("done", "valid"), ("interrupted", "suspect")], "suspect"),
    ],
)
def test_judge_run(trials: list[tuple[TrialState, Judgement]], expected: Judgement) -> None:
    assert judge_run(trial(state=state, verdict=Verdict(state=verdict)) for state, verdict in trials) == expected
