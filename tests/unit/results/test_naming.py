"""Parts of a result by their names, and what the error says where there is none."""

from pathlib import Path

import pytest

from loadlab.results.requests import CheckResult, KindResult, LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Expectation

from ...sample_run import sample_document
from ...trials import make_trial


def kind(name: str, level: str) -> KindResult:
    return KindResult.model_validate(
        {
            "name": name,
            "level": level,
            "requests": 1,
            "requests_per_second": 1.0,
            "outcomes": {"ok": 1},
            "response_ns": LatencySummary(p99=7),
            "service_ns": LatencySummary(),
        }
    )


def shop_trial() -> TrialResult:
    kinds = [kind("GET /items", "request"), kind("browse", "step"), kind("pay", "step"), kind("checkout", "iteration")]
    return make_trial(kinds=kinds, checks=[CheckResult(name="accepted", passed=3, failed=1)])


def test_parts_are_found_by_their_names() -> None:
    trial = shop_trial()
    assert trial.step("browse").response_ns.p99 == 7
    assert trial.request("GET /items").level == "request"
    assert trial.check("accepted").failed == 1
    assert trial.iterations is not None
    assert trial.iterations.name == "checkout"


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(LookupError) as caught:
        shop_trial().step("brwose")
    assert str(caught.value) == "no step 'brwose': trial 001 has 'browse' and 'pay'; did you mean 'browse'?"


def test_a_trial_that_failed_says_why_it_has_none() -> None:
    trial = make_trial(state="failed", reason="the target ended with code 1", kinds=[])
    with pytest.raises(LookupError) as caught:
        trial.check("accepted")
    assert str(caught.value) == "no check 'accepted': trial 001 (failed: the target ended with code 1) has none"


def test_a_run_has_its_only_trial_and_what_was_not_met() -> None:
    expectation = Expectation(text="p99 < 5ms", met=False, measured="p99 is 7 ms")
    trial = make_trial(expectations=[expectation.model_copy(update={"met": True}), expectation])
    only = sample_document([trial])
    assert only.trial is trial
    assert only.unmet_expectations == [expectation]
    with pytest.raises(LookupError, match="this run has 2 trials"):
        _ = sample_document([trial, trial]).trial


def test_where_a_run_is_kept_is_not_part_of_it() -> None:
    kept = sample_document([]).kept_in(Path("reports/run"))
    assert kept.directory == Path("reports/run")
    assert kept == RunDocument.model_validate_json(kept.model_dump_json(by_alias=True)).kept_in(Path("reports/run"))
    assert "reports" not in kept.model_dump_json()
