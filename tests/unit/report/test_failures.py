"""Samples of failed requests: those alike together, the commonest first."""

from typing import Any

from loadlab.report.failures import failure_lines, sampled_failures
from loadlab.results.requests import FailureSample
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

from ...scenario_runs import TRACEBACK
from ...trials import make_trial


def sample(outcome: str, reason: str = "said so", **changes: object) -> dict[str, object]:
    return {"outcome": outcome, "kind": "/", "reason": reason, "after_ns": 2_000_000, "reused": False} | changes


def trial(number: int, outcomes: dict[str, int], *samples: dict[str, object], **fields: Any) -> TrialResult:  # noqa: ANN401
    return make_trial(id=f"{number:03}", outcomes=outcomes, failure_samples=list(samples), **fields)


def test_samples_of_one_reason_are_one_with_the_trials_that_have_it() -> None:
    trials = [
        trial(1, {"ok": 5, "reset": 2}, sample("reset", errno=104), sample("reset", errno=104)),
        trial(2, {"reset": 3}, sample("reset", errno=104, reused=True)),
        trial(3, {"ok": 9}),
    ]
    [found] = sampled_failures(trials)
    assert (found.name, found.failed, found.trials) == ("connection reset", 5, ("001", "002"))
    assert (found.reason, found.after, found.connection) == ("said so (errno 104)", "2 ms", "new")


def test_the_commonest_outcome_comes_first_and_of_each_a_few_reasons() -> None:
    reasons = [sample("malformed", f"reason {number}") for number in range(5)]
    found = sampled_failures([trial(1, {"timeout": 9, "malformed": 7}, *reasons, sample("timeout"))])
    assert [(each.name, each.reason) for each in found] == [
        ("timeout", "said so"),
        ("malformed response", "reason 0"),
        ("malformed response", "reason 1"),
        ("malformed response", "reason 2"),
    ]


def test_kinds_are_named_where_there_are_several() -> None:
    kinds: list[dict[str, Any]] = [
        {"name": name, "requests": 1, "requests_per_second": 1, "outcomes": {}, "response_ns": {}, "service_ns": {}}
        for name in ("a", "b")
    ]
    samples = sample("status", kind="a"), sample("status", kind="b")
    assert [each.kind for each in sampled_failures([trial(1, {"status": 2}, *samples, kinds=kinds)])] == ["a", "b"]
    assert [each.kind for each in sampled_failures([trial(1, {"status": 2}, sample("status"))])] == [""]


def test_a_request_that_ends_its_step_and_its_iteration_is_one_failure(shop: RunDocument) -> None:
    [trial] = shop.trials
    iterations, login, *others = trial.kinds
    kinds = [iterations.model_copy(update={"outcomes": {"ok": 1, "reset": 2, "closed_early": 4}}), login, *others]
    names = ("checkout", "POST /login", "browse")
    samples = [FailureSample.model_validate(sample("reset", kind=name)) for name in names]
    alone = FailureSample.model_validate(sample("closed_early", "the WebSocket was closed", kind="checkout"))
    changes = {"kinds": kinds, "failure_samples": [*samples, alone], "outcomes": {"reset": 2}}
    failed = trial.model_copy(update=changes)
    assert [(each.level, each.kind, each.failed) for each in sampled_failures([failed])] == [
        ("iteration", "checkout", 4),
        ("request", "POST /login", 2),
    ]
    line, _ = failure_lines([failed])
    assert "(4 iterations of checkout, one of them after 2 ms on a new connection)" in line


def test_the_terminal_has_a_line_for_each() -> None:
    received = sample("malformed", "it does not start with HTTP/", received="SSH-2.0\\r\\n", reused=True)
    lines = failure_lines([trial(1, {"malformed": 1200, "timeout": 1}, received, sample("timeout", "none in time"))])
    assert list(lines) == [
        "Failed: malformed response (1,200 requests, one of them after 2 ms on a reused connection): it does not "
        "start with HTTP/; received: SSH-2.0\\r\\n",
        "Failed: timeout (1 request, after 2 ms on a new connection): none in time",
    ]


def test_where_nothing_failed_there_is_none() -> None:
    assert sampled_failures([trial(1, {"ok": 9})]) == ()


def test_an_error_of_a_scenario_is_shown_with_its_lines_and_counted_by_iterations(shop: RunDocument) -> None:
    [found] = sampled_failures(shop.trials)
    assert (found.name, found.failed, found.kind, found.traceback) == ("script error", 7, "checkout", TRACEBACK)
    [line] = failure_lines(shop.trials)
    heading, *lines = line.splitlines()
    assert heading == "Failed: script error in checkout (7 times, one of them):"
    assert lines == [f"  {each}" for each in TRACEBACK.splitlines()]
