"""What is said of a scenario: which of its iterations count, and what is wrong with its code."""

from typing import Any

import pytest

from loadlab.analysis.verdict import WindowEvidence, judge_trial, throughput_is_lower_bound
from loadlab.results.requests import (
    BlockingCode,
    CheckResult,
    FailureSample,
    Interval,
    KindLevel,
    KindResult,
    LatencySummary,
)
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Finding

from ....trials import make_trial, make_usage

MS = 1_000_000
SECOND_NS = 1000 * MS
QUIET = WindowEvidence(asked_ns=2 * SECOND_NS, client_busy_by_worker=(0.5,), target_busy=1.0)
TRACEBACK = (
    "shop.py:9 in checkout\n    token = login(user)\nshop.py:17 in login\n    r.json()['token']\nKeyError: 'token'"
)


def times(**percentiles: int) -> LatencySummary:
    return LatencySummary(count=100_000, **percentiles)


def kind(name: str, level: KindLevel = "request", rate: float = 100.0, **changes: Any) -> KindResult:  # noqa: ANN401
    fields = {
        "name": name,
        "level": level,
        "requests": 1000,
        "requests_per_second": rate,
        "outcomes": {"ok": 1000},
        "response_ns": times(p50=300 * MS, p99=500 * MS),
        "service_ns": times(p50=300 * MS, p99=500 * MS),
    }
    return KindResult.model_validate(fields | changes)


def scenario(iterations: dict[str, Any] | None = None, **changes: object) -> TrialResult:
    fields: dict[str, Any] = {
        "window_ns": 2 * SECOND_NS,
        "requests": 100_000,
        "requests_per_second": 50_000.0,
        "load_model": "open",
        "offered_per_second": 100.0,
        "outcomes": {"ok": 100_000},
        "response_ns": times(p50=MS, p99=2 * MS),
        "service_ns": times(p50=MS, p99=2 * MS),
        "kinds": [kind("GET /items"), kind("checkout", "iteration", **iterations or {})],
    }
    return make_trial(**fields | changes)


def findings_of(result: TrialResult, window: WindowEvidence = QUIET) -> dict[str, Finding]:
    return {finding.code: finding for finding in judge_trial(result, window).findings}


def severities(result: TrialResult, window: WindowEvidence = QUIET) -> dict[str, str]:
    return {code: finding.severity for code, finding in findings_of(result, window).items()}


@pytest.mark.parametrize(
    ("iterations", "found"),
    [
        ({}, {}),
        ({"outcomes": {"ok": 998, "dropped": 2}}, {"dropped": "suspect"}),
        ({"outcomes": {"ok": 999, "dropped": 1}}, {}),
        ({"lateness_ns": times(p50=0, p99=49 * MS)}, {}),
        ({"lateness_ns": times(p50=0, p99=51 * MS)}, {"late": "suspect"}),
        ({"outcomes": {"ok": 99, "script_error": 1}}, {"script_errors": "note"}),
        ({"outcomes": {"ok": 98, "script_error": 2}}, {"script_errors": "suspect"}),
        ({"outcomes": {"ok": 0, "script_error": 7, "cut": 3, "dropped": 0}}, {"script_errors": "invalid"}),
        ({"outcomes": {"ok": 1, "timeout": 1, "cut": 2}}, {}),
        ({"outcomes": {"ok": 1, "timeout": 1, "cut": 3}}, {"iterations_cut": "suspect"}),
    ],
)
def test_a_schedule_and_its_outcomes_are_about_iterations(iterations: dict[str, Any], found: dict[str, str]) -> None:
    assert severities(scenario(iterations)) == found


def test_a_finding_on_the_schedule_speaks_of_iterations_and_users() -> None:
    late = findings_of(scenario({"lateness_ns": times(p50=0, p99=100 * MS)}))["late"]
    assert late.text.startswith("Iterations were begun later than scheduled, waiting for a free user or")
    assert late.evidence == "p99 of lateness 100 ms, of iteration time 500 ms"
    dropped = findings_of(scenario({"outcomes": {"ok": 90, "dropped": 10}}))["dropped"]
    assert dropped.text.startswith("Scheduled iterations were never begun: the offered rate was not reached, and iter")
    assert dropped.evidence == "10 iterations never begun, 10\N{NO-BREAK SPACE}% of the schedule"


def test_a_schedule_that_is_not_kept_says_how_many_users_it_needs() -> None:
    changes = {"outcomes": {"ok": 90, "dropped": 10}, "service_ns": LatencySummary(mean=361.0 * MS, count=90)}
    advice = findings_of(scenario(changes))["dropped"].advice
    assert advice.startswith("An iteration takes 361 ms in the mean, so at this rate about 37 are under way at a time:")


@pytest.mark.parametrize(("rate", "is_lower_bound"), [(95.0, False), (94.0, True)])
def test_a_load_is_met_if_its_iterations_are(rate: float, is_lower_bound: bool) -> None:
    shared = Finding(code="shared_core", severity="suspect", text="", evidence="", advice="")
    result = scenario({"requests_per_second": rate})
    verdict = result.verdict.model_copy(update={"findings": [shared]})
    assert throughput_is_lower_bound(result.model_copy(update={"verdict": verdict})) is is_lower_bound


def test_the_first_error_is_named_with_its_line() -> None:
    sample = FailureSample(
        outcome="script_error",
        kind="checkout",
        reason="KeyError: 'token'",
        after_ns=MS,
        reused=False,
        traceback=TRACEBACK,
    )
    of_step = sample.model_copy(update={"kind": "log in", "reason": "in the step"})
    result = scenario({"outcomes": {"ok": 30, "script_error": 10}}, failure_samples=[of_step, sample])
    finding = findings_of(result)["script_errors"]
    assert finding.evidence.replace("\N{NO-BREAK SPACE}", " ") == (
        "10 of 40 iterations (25 %); the first: KeyError: 'token' (shop.py:17 in login)"
    )


def test_code_that_blocks_is_named() -> None:
    sleep = BlockingCode(where="shop.py:17", code="time.sleep(1)", times=23, longest_ns=1_020 * MS)
    (finding,) = judge_trial(scenario(blocking=[sleep]), QUIET).findings
    assert (finding.code, finding.severity) == ("blocking_code", "suspect")
    assert finding.text.startswith("The scenario blocks at shop.py:17, time.sleep(1): meanwhile no other user")
    assert finding.evidence == "it held a load worker up 23 times, for up to 1.02 s"
    once = sleep.model_copy(update={"times": 1})
    (finding,) = judge_trial(scenario(blocking=[once, sleep, sleep]), QUIET).findings
    assert finding.evidence.endswith("held a load worker up once, for up to 1.02 s; so did 2 other lines")


def test_over_rounds_an_iteration_goes_on_in_the_next() -> None:
    rounds = [Round(at=0.0, window_ns=SECOND_NS, requests=1, requests_per_second=1.0)] * 2
    assert severities(scenario({"outcomes": {"ok": 10, "cut": 100}}, rounds=rounds)) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"kinds": [kind("other requests"), kind("checkout", "iteration")]},
        {"kinds": [kind("GET /"), kind("other steps", "step"), kind("checkout", "iteration")]},
        {"checks": [CheckResult(name="other checks", passed=1, failed=0)]},
    ],
)
def test_names_beyond_their_number_are_noted(changes: dict[str, Any]) -> None:
    assert severities(scenario(**changes)) == {"too_many_names": "note"}


def test_a_step_may_be_called_like_what_requests_are_not() -> None:
    kinds = [kind("other requests", "step"), kind("checkout", "iteration")]
    assert severities(scenario(kinds=kinds)) == {}


def test_failed_checks_are_no_finding() -> None:
    assert severities(scenario(checks=[CheckResult(name="paid", passed=0, failed=10)])) == {}


@pytest.mark.parametrize(
    ("client_ms", "model", "found"),
    [
        (0.9, "open", {"client_added": "note"}),
        (1.1, "open", {"client_added": "suspect"}),
        (1.1, "closed", {"client_added": "note"}),
        (2.1, "closed", {"client_added": "suspect"}),
    ],
)
def test_the_code_of_a_scenario_takes_its_time(client_ms: float, model: str, found: dict[str, str]) -> None:
    changes: dict[str, Any] = {"response_ns": times(p99=4 * MS), "client_ns": times(p50=1, p99=int(client_ms * MS))}
    assert severities(scenario(load_model=model, **changes)) == found


def test_a_full_core_of_the_client_is_its_limit() -> None:
    result = scenario(load_model="closed", offered_per_second=None, target=make_usage(threads=1))
    full = WindowEvidence(asked_ns=2 * SECOND_NS, client_busy_by_worker=(0.97,), target_busy=0.4)
    finding = findings_of(result, full)["client_bound"]
    assert finding.advice == (
        "Give the client more load workers and cores: with a scenario each request takes it 0.1 to 0.4 ms."
    )


def test_a_scenario_that_sends_nothing_says_so() -> None:
    nothing: dict[str, Any] = {"requests": 0, "requests_per_second": 0.0, "response_ns": LatencySummary()}
    finding = findings_of(scenario({"requests": 0, "outcomes": {"cut": 10}}, outcomes={"ok": 0}, **nothing))[
        "no_requests"
    ]
    assert finding.severity == "invalid"
    assert finding.advice.startswith("The scenario sent none; it sends them with user.http.")


def test_a_scenario_whose_iterations_need_no_request_is_measured_by_these() -> None:
    nothing: dict[str, Any] = {"requests": 0, "requests_per_second": 0.0, "response_ns": LatencySummary()}
    finding = findings_of(scenario(outcomes={"ok": 0}, **nothing))["no_requests"]
    assert (finding.severity, finding.evidence) == ("note", "0 successful requests in 2 s")
    assert finding.advice == "The scenario sent none; it sends them with user.http."
    failed = scenario(outcomes={"ok": 0, "refused": 1000}, **nothing)
    assert findings_of(failed)["no_requests"].severity == "invalid"


def test_waves_as_long_as_an_iteration_are_no_change_of_throughput() -> None:
    intervals = [
        Interval(start=each / 4, end=(each + 1) / 4, requests=900 if each % 8 < 4 else 300) for each in range(40)
    ]
    wave: dict[str, Any] = {"intervals": intervals, "window_ns": 10 * SECOND_NS}
    evidence = WindowEvidence(asked_ns=10 * SECOND_NS)
    plain = scenario(kinds=[], offered_per_second=None, load_model="closed", **wave)
    assert "unsteady" in findings_of(plain, evidence)
    assert "unsteady" not in findings_of(scenario({"response_ns": times(p50=2000 * MS)}, **wave), evidence)
