from loadlab.report.sections.findings import (
    blocking_lines,
    describe_sockets,
    group_findings,
    sections_of,
    spoiled_attempts,
)
from loadlab.results.probe_data import Probes, SocketCounters, SocketsProbe
from loadlab.results.requests import BlockingCode
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Severity, Verdict

from ....sample_run import sample_document
from ..laid_out import run_of


def trial(number: int, *findings: Finding) -> TrialResult:
    verdict = Verdict(state="valid", findings=list(findings))
    return TrialResult(id=f"{number:03}", repeat=1, factors={}, state="done", verdict=verdict)


def finding(code: str, severity: Severity = "suspect", text: str = "It was late.", evidence: str = "e") -> Finding:
    return Finding(code=code, severity=severity, text=text, evidence=evidence, advice=f"Mend {code}.")


def test_the_same_finding_of_several_trials_is_listed_once() -> None:
    trials = [trial(1, finding("late", evidence="3 ms")), trial(2), trial(3, finding("late", evidence="5 ms"))]
    [group] = group_findings(trials, lambda trial: f"trial {trial.id}")
    assert (group.text, group.advice) == ("It was late.", ("Mend late.",))
    assert [(each.where, each.text, each.evidence) for each in group.occurrences] == [
        ("trial 001", "", "3 ms"),
        ("trial 003", "", "5 ms"),
    ]


def test_texts_that_differ_stand_with_their_trials() -> None:
    trials = [trial(1, finding("idle_died", text="One died.")), trial(2, finding("idle_died", text="Two died."))]
    [group] = group_findings(trials, lambda trial: trial.id)
    assert group.text == "Idle died"
    assert [each.text for each in group.occurrences] == ["One died.", "Two died."]


def test_the_gravest_comes_first_and_severities_are_kept_apart() -> None:
    findings = [finding("few", "note"), finding("late"), finding("failures", "invalid"), finding("late", "invalid")]
    groups = group_findings([trial(1, *findings)], lambda trial: trial.id)
    assert [(group.severity, group.code) for group in groups] == [
        ("invalid", "failures"),
        ("invalid", "late"),
        ("suspect", "late"),
        ("note", "few"),
    ]


def watched(trial_id: str, **counted: int) -> TrialResult:
    none = dict.fromkeys(("retransmitted", "listen_overflows", "listen_drops", "resets_sent"), 0)
    sockets = SocketsProbe(readings=[], counted=SocketCounters(**(none | counted)))
    return TrialResult(
        id=trial_id,
        repeat=1,
        factors={},
        state="done",
        verdict=Verdict(state="valid"),
        probes=Probes(sockets=sockets),
    )


def test_what_happened_is_added_up_and_placed() -> None:
    trials = [watched("001", retransmitted=1200, listen_drops=2), watched("002"), watched("003", retransmitted=4)]
    assert describe_sockets(trials) == (
        "TCP on the whole machine, in the measured windows: 1,204 segments retransmitted (trial 001, 003); "
        "2 connections dropped before they were accepted (trial 001)."
    )


def test_many_trials_are_counted() -> None:
    trials = [watched(f"{number:03}", resets_sent=1) for number in range(1, 6)]
    assert describe_sockets(trials).endswith(" 5 resets sent (5 trials).")


def test_a_quiet_run_says_nothing() -> None:
    assert describe_sockets([watched("001")]) == ""


def test_spoiled_attempts_stand_beside_the_one_that_counts_with_what_spoiled_them() -> None:
    last = trial(1).model_copy(update={"attempt": 2, "requests_per_second": 48_000.0, "factors": {"load.idle": 0}})
    slow = finding("machine_speed", text="The machine was slow.", evidence="0.7 of the median")
    spoiled = last.model_copy(
        update={"attempt": 1, "requests_per_second": 31_000.0, "verdict": Verdict(state="suspect", findings=[slow])}
    )
    [attempt] = spoiled_attempts(run_of(sample_document([last], spoiled=[spoiled])))
    assert (attempt.where, attempt.number) == ("0 idle connections", 1)
    assert (attempt.figure, attempt.final) == ("31,000", "48,000")
    assert attempt.why == "The machine was slow: 0.7 of the median."
    assert attempt.anchor == "trial-001"


def test_errors_of_a_scenario_and_lines_that_block_stand_apart_from_requests(shop: RunDocument) -> None:
    [found] = sections_of(run_of(shop))
    assert [error.failed for error in found.errors] == [7]
    assert found.failures == ()
    assert [(line.where, line.times, line.longest) for line in found.blocking] == [("shop.py:9", 12, "210 ms")]


def test_lines_that_block_are_listed_once_for_all_trials_the_longest_first() -> None:
    def blocked(number: int, *lines: tuple[str, int, int]) -> TrialResult:
        of_trial = [BlockingCode(where=where, code="", times=times, longest_ns=ns) for where, times, ns in lines]
        return trial(number).model_copy(update={"blocking": of_trial})

    found = blocking_lines([blocked(1, ("a.py:1", 2, 60_000_000)), blocked(2, ("b.py:7", 1, 90_000_000))])
    assert [line.where for line in found] == ["b.py:7", "a.py:1"]
    [line] = blocking_lines([blocked(1, ("a.py:1", 2, 60_000_000)), blocked(2, ("a.py:1", 3, 70_000_000))])
    assert (line.times, line.longest, line.trials) == (5, "70 ms", ("001", "002"))
