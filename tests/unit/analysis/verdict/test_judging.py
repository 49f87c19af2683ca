"""How findings add up to a verdict, of a trial and of a run, and what follows from it for the figures."""

import pytest

from loadlab.analysis.verdict import (
    WindowEvidence,
    judge_failure,
    judge_run,
    judge_trial,
    throughput_is_lower_bound,
    trusted_ns,
    trustworthy_percentiles,
)
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult, TrialState
from loadlab.results.verdict import Finding, Judgement, Verdict

from ....trials import make_trial


def trial(state: TrialState, verdict: Verdict, requests: int = 1) -> TrialResult:
    return make_trial(verdict, state=state, requests=requests)


@pytest.mark.parametrize(
    ("requests", "shared_cores", "state"), [(1, (), "valid"), (1, (0,), "suspect"), (0, (0,), "invalid")]
)
def test_the_state_is_that_of_the_gravest_finding(requests: int, shared_cores: tuple[int, ...], state: str) -> None:
    result = trial("done", Verdict(state="valid"), requests)
    assert judge_trial(result, WindowEvidence(shared_cores=shared_cores)).state == state


def test_a_target_that_died_is_found_in_the_words_of_its_end() -> None:
    verdict = judge_failure("target 'epoll' was killed by SIGKILL", target_died=True)
    assert verdict.state == "invalid"
    assert [(finding.code, finding.evidence) for finding in verdict.findings] == [
        ("target_died", "target 'epoll' was killed by SIGKILL")
    ]


def test_a_trial_that_failed_otherwise_is_invalid_without_a_finding() -> None:
    assert judge_failure("load worker 1 ended with code 1", target_died=False) == Verdict(state="invalid")


def found(code: str) -> TrialResult:
    finding = Finding(code=code, severity="suspect", text="", evidence="", advice="")
    return trial("done", Verdict(state="suspect", findings=[finding]))


@pytest.mark.parametrize(
    ("code", "expected"), [("client_bound", True), ("shared_core", True), ("late", False), ("dropped", False)]
)
def test_throughput_is_a_lower_bound_where_the_target_could_carry_more(code: str, expected: bool) -> None:
    assert throughput_is_lower_bound(found(code)) is expected
    assert not throughput_is_lower_bound(trial("done", Verdict(state="valid")))


@pytest.mark.parametrize(
    ("code", "answered", "expected"),
    [
        ("shared_core", 5000.0, False),
        ("shared_core", 4750.0, False),
        ("shared_core", 4749.0, True),
        ("client_bound", 4990.0, True),
        ("client_bound", 3000.0, True),
        ("dropped", 3000.0, False),
    ],
)
def test_an_open_load_that_is_met_is_no_lower_bound(code: str, answered: float, expected: bool) -> None:
    rates = {"load_model": "open", "offered_per_second": 5000.0, "requests_per_second": answered}
    assert throughput_is_lower_bound(found(code).model_copy(update=rates)) is expected


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


def test_a_percentile_is_shown_where_it_can_be_trusted() -> None:
    assert trusted_ns(LatencySummary(p99=5, p99_9=7, count=9_999), "p99") == 5
    assert trusted_ns(LatencySummary(p99=5, p99_9=7, count=9_999), "p99.9") is None
    assert trusted_ns(LatencySummary(p99=5, p99_9=7, count=10_000), "p99.9") == 7
    assert trusted_ns(LatencySummary(p99=5, p99_9=7, count=10_000, too_low=["p99"]), "p99") is None


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
    assert judge_run(trial(state, Verdict(state=judgement)) for state, judgement in trials) == expected
