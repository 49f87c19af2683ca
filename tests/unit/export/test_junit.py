from typing import Any
from xml.etree import ElementTree

import pytest

from loadlab.export.junit import format_junit
from loadlab.results.requests import CheckResult
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation, Finding, Verdict
from tests.sample_run import sample_document
from tests.unit.analysis.comparison.runs import make_rate, make_run

Cases = dict[str, ElementTree.Element]


def suite_of(document: RunDocument) -> ElementTree.Element:
    suite = ElementTree.fromstring(format_junit(document)).find("testsuite")
    assert suite is not None
    return suite


def cases_of(document: RunDocument) -> Cases:
    cases = list(suite_of(document).iter("testcase"))
    found = {case.get("name", ""): case for case in cases}
    assert len(found) == len(cases), "names are unique"
    return found


def outcome_of(case: ElementTree.Element) -> tuple[str, str]:
    """What became of a case, and its message."""
    for child in case:
        if child.tag != "system-out":
            return child.tag, child.get("message", "")
    return "passed", ""


def expected(text: str, met: bool, measured: str, series: str = "") -> Expectation:
    return Expectation(text=text, met=met, measured=measured, series=series)


def test_every_trial_has_a_case_for_its_verdict() -> None:
    cases = cases_of(sample_document())
    assert outcome_of(cases["epoll, 19,000 idle connections: verdict"]) == ("passed", "")
    assert outcome_of(cases["select, 19,000 idle connections: verdict"])[0] == "skipped"
    tag, message = outcome_of(cases["poll, 19,000 idle connections: verdict"])
    assert (tag, "SIGKILL" in message) == ("error", True)
    assert outcome_of(cases["poll, 10,000 idle connections: verdict"])[0] == "failure"


def test_the_suite_counts_its_cases() -> None:
    suite = suite_of(sample_document())
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["15", "1", "1", "1"]
    assert (suite.get("name"), suite.get("hostname"), suite.get("timestamp")) == (
        "select-vs-epoll",
        "bench-1",
        "2026-10-14T17:05:01",
    )


def test_every_expectation_has_a_case() -> None:
    trial = make_rate(
        50_000, expectations=[expected("p99 <= 50ms", False, "61 ms"), expected("errors == 0", True, "0")]
    )
    law = expected("slope of cpu_per_request over load.idle < 1ns", True, "0.1 ns", "epoll")
    cases = cases_of(make_run([trial], expectations=[law]))
    assert outcome_of(cases["p99 <= 50ms"]) == ("failure", "not met: 61 ms")
    assert outcome_of(cases["errors == 0"]) == ("passed", "")
    assert outcome_of(cases["epoll: slope of cpu_per_request over load.idle < 1ns"]) == ("passed", "")


def test_what_could_not_be_decided_is_skipped() -> None:
    unsure = expected("p99 worse by 10%", True, "not sure: worse by 4 % to 14 %")
    assert outcome_of(cases_of(make_run([make_rate(50_000)], expectations=[unsure]))["p99 worse by 10%"]) == (
        "skipped",
        "not sure: worse by 4 % to 14 %",
    )


def test_suspect_trials_pass_with_their_findings() -> None:
    finding = Finding(code="late", severity="suspect", text="It was late.", evidence="by 3 ms", advice="Wait.")
    (case,) = cases_of(make_run([make_rate(50_000, verdict=Verdict(state="suspect", findings=[finding]))])).values()
    assert outcome_of(case) == ("passed", "")
    assert case.findtext("system-out") == "suspect: It was late. by 3 ms. Wait."


def test_repeats_are_cases_of_their_own() -> None:
    cases = cases_of(make_run([make_rate(50_000, number, factors={"load.idle": 1}) for number in (1, 2)]))
    assert list(cases) == ["1 idle connection, repeat 1: verdict", "1 idle connection, repeat 2: verdict"]


def test_a_run_that_did_not_end_is_an_error() -> None:
    cases = cases_of(make_run([make_rate(50_000)], trials_planned=15, interrupted=True))
    assert outcome_of(cases["all trials measured"]) == (
        "error",
        "14 of 15 trials were not measured: the run did not end by itself.",
    )


@pytest.mark.parametrize("text", ["\0", "\x1b[31m", "￾", "\ud800", "<&\"'>", "]]>", "é ✓ 🙂"])
def test_any_text_is_valid_xml(text: str) -> None:
    fields: dict[str, Any] = {"state": "failed", "verdict": "invalid"}
    document = make_run(
        [make_rate(1.0, factors={"target.env.X": text}, reason=f"It printed {text}", **fields)], {"name": "mine"}
    )
    (case,) = suite_of(document).iter("testcase")
    readable = text if text.isprintable() else text.encode("unicode_escape").decode()
    assert readable in case.get("name", "")
    assert outcome_of(case) == ("error", f"It printed {readable}")


def test_a_start_that_cannot_be_read_is_left_out() -> None:
    assert suite_of(make_run([make_rate(1.0)], started="yesterday")).get("timestamp") is None


def test_a_dot_in_the_name_of_a_profile_makes_no_package() -> None:
    (case,) = suite_of(make_run([make_rate(1.0)], {"name": "v1.2"})).iter("testcase")
    assert case.get("classname") == "loadlab.v1_2"


def test_failed_checks_of_a_scenario_are_shown_and_fail_nothing() -> None:
    checks = [CheckResult(name="paid", passed=9_990, failed=10), CheckResult(name="logged in", passed=5, failed=0)]
    (case,) = cases_of(make_run([make_rate(1.0, checks=checks)])).values()
    assert outcome_of(case) == ("passed", "")
    assert case.findtext("system-out") == "check: paid: 10 of 10,000 failed"
