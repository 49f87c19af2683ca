"""Machines of a cluster, each judged as a client by itself, and what of that is found in their trial."""

from typing import Any

import pytest

from loadlab.analysis.verdict import (
    CorePool,
    WindowEvidence,
    judge_machine,
    judge_speed_again,
    judge_trial,
    spoiled_by_machine,
    throughput_is_lower_bound,
)
from loadlab.analysis.verdict.machines import with_machines
from loadlab.results.machine import ClockResult, MachineResult
from loadlab.results.probe_data import ControlGroupUse
from loadlab.results.requests import LatencySummary
from loadlab.results.speed import MachineSpeed, Speed, SpeedReading
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Severity, Verdict

from ....trials import make_kind, make_trial, make_usage

SECOND_NS = 1_000_000_000
MS = 1_000_000


def times(p50_ns: int, count: int = 10_000) -> LatencySummary:
    return LatencySummary(p50=p50_ns, p90=p50_ns, p99=p50_ns, count=count)


def machine(name: str = "node3", **fields: Any) -> MachineResult:  # noqa: ANN401 - any field
    """One of two cores with half of the load, whose client added little."""
    usual = {
        "name": name,
        "host": name,
        "cores": 2,
        "workers": 2,
        "holders": 0,
        "connections": 8,
        "idle": 0,
        "requests": 10_000,
        "outcomes": {"ok": 10_000},
        "response_ns": times(5 * MS),
        "service_ns": times(5 * MS),
        "client_ns": times(MS // 20),
    }
    return MachineResult.model_validate(usual | fields)


def trial(*machines: MachineResult, **fields: object) -> TrialResult:
    usual: dict[str, Any] = {
        "window_ns": 2 * SECOND_NS,
        "requests": 20_000,
        "load_model": "closed",
        "outcomes": {"ok": 20_000},
        "response_ns": times(5 * MS),
        "service_ns": times(5 * MS),
        "client_ns": times(MS // 20),
        "target": make_usage(),
        "machines": list(machines),
    }
    return make_trial(**usual | fields)


def window(busy: float = 0.5, others: float = 0.0, stolen: float = 0.0, **changes: Any) -> WindowEvidence:  # noqa: ANN401
    """A target with its core to itself, a third of it busy, and a client on cores 2 and 3."""
    pools = (CorePool("target", {0: 0.7}, 0.0, 0.0), CorePool("client", {2: 1 - busy, 3: 0.5}, stolen, others))
    return WindowEvidence(client_busy_by_worker=(busy,), target_busy=0.3, pools=pools, **changes)


def codes(verdict: Verdict) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in verdict.findings]


QUOTA = ControlGroupUse(group="/g", holds=["client"], quota_cores=1.0, periods=20, throttled_periods=1, throttled_ns=1)


@pytest.mark.parametrize(
    ("fields", "evidence", "found"),
    [
        ({}, window(), []),
        ({}, window(busy=0.99), [("client_bound", "suspect")]),
        ({"client_ns": times(3 * MS)}, window(), [("client_added", "suspect")]),
        ({"client_ns": times(MS)}, window(), [("client_added", "note")]),
        ({"outcomes": {"ok": 10_000, "timeout": 900}}, window(), [("failures", "suspect")]),
        ({}, window(others=0.5), [("disturbed", "suspect")]),
        ({}, window(stolen=0.1), [("stolen", "suspect")]),
        ({}, window(stolen=0.3), [("stolen", "invalid")]),
        ({}, window(control_groups=(QUOTA,)), [("throttled", "suspect")]),
        ({}, window(memory_pressure_ns=SECOND_NS), [("short_of_memory", "suspect")]),
        ({}, window(clock_set_ns=SECOND_NS), [("clock_jumped", "suspect")]),
        ({"speed": Speed(client=0.7)}, window(), [("machine_speed", "suspect")]),
        ({"speed": Speed(client=0.93)}, window(), [("machine_speed", "note")]),
    ],
)
def test_a_machine_is_judged_as_any_client(
    fields: dict[str, Any], evidence: WindowEvidence, found: list[tuple[str, Severity]]
) -> None:
    verdict = judge_machine(machine(**fields), trial(), evidence)
    assert codes(verdict) == found
    assert verdict.state == ("valid" if not found or found[0][1] == "note" else found[0][1])


def test_what_others_did_to_the_target_is_not_found_on_a_client() -> None:
    of_target = CorePool("target", {0: 0.0}, stolen=0.5, others=0.9)
    assert codes(judge_machine(machine(), trial(), WindowEvidence(pools=(of_target,)))) == []


def test_in_an_open_load_a_machine_may_be_late_or_miss_its_part_of_the_rate() -> None:
    asked = trial(load_model="open", offered_per_second=10_000.0)
    late = machine(lateness_ns=times(2 * MS))
    assert codes(judge_machine(late, asked, window())) == [("late", "suspect")]
    behind = machine(outcomes={"ok": 9_900, "dropped": 100}, client_ns=times(3 * MS))
    assert ("client_bound", "suspect") in codes(judge_machine(behind, asked, window()))


def test_with_a_scenario_a_machine_is_late_with_its_own_iterations() -> None:
    of_all = make_kind("checkout", "iteration", lateness_ns=times(900 * MS), outcomes={"ok": 10, "dropped": 90})
    asked = trial(load_model="open", offered_per_second=100.0, kinds=[of_all])
    prompt = machine(iterations=make_kind("checkout", "iteration"))
    assert codes(judge_machine(prompt, asked, window())) == []
    late = machine(iterations=make_kind("checkout", "iteration", lateness_ns=times(900 * MS)))
    assert codes(judge_machine(late, asked, window())) == [("late", "suspect")]
    # An answer waits for the code of a scenario, up to a millisecond.
    added = prompt.model_copy(update={"client_ns": times(MS)})
    assert codes(judge_machine(added, asked, window())) == [("client_added", "note")]


@pytest.mark.parametrize(
    ("clock", "model", "found"),
    [
        ({"bound_ns": MS, "drift_ppm": 0.0}, "open", []),
        ({"bound_ns": MS + 1, "drift_ppm": 0.0}, "open", [("clock_offset", "suspect")]),
        ({"bound_ns": MS + 1, "drift_ppm": 0.0}, "closed", [("clock_offset", "note")]),
        ({"bound_ns": 1000, "drift_ppm": -51.0}, "open", [("clock_offset", "note")]),
        ({"bound_ns": 1000, "drift_ppm": 51.0, "drift_bound_ppm": 2.0}, "open", []),
    ],
)
def test_the_offset_of_a_clock_has_to_be_known(clock: dict[str, Any], model: str, found: list[object]) -> None:
    judged = machine(clock={"offset_ns": -3 * SECOND_NS, **clock})
    evidence = window(clock=judged.clock)
    assert codes(judge_machine(judged, trial(load_model=model), evidence)) == found


def test_the_evidence_has_offset_bound_and_drift() -> None:
    clock = ClockResult(offset_ns=-3 * SECOND_NS, bound_ns=2 * MS, drift_ppm=70.4, drift_bound_ppm=20.0)
    [finding] = judge_machine(machine(), trial(load_model="open"), window(clock=clock)).findings
    assert finding.evidence == "offset -3 s, known to within 2 ms, drift +70 ± 20 ppm"


def judged(name: str, *findings: Finding, **fields: Any) -> MachineResult:  # noqa: ANN401 - any field
    return machine(name, verdict={"state": "suspect", "findings": list(findings)}, **fields)


def finding(code: str, severity: Severity = "suspect", evidence: str = "e", text: str = "") -> Finding:
    return Finding(code=code, severity=severity, text=text or f"The {code}.", evidence=evidence, advice="a")


def test_one_bad_machine_makes_the_trial_suspect_and_is_named() -> None:
    bad = judged("node3", finding("client_bound", evidence="a core was full"))
    verdict = judge_trial(trial(judged("node1"), bad), WindowEvidence())
    assert verdict.state == "suspect"
    [found] = [each for each in verdict.findings if each.code == "client_bound"]
    assert (found.text, found.evidence, found.advice) == (
        "Client machine node3: the client_bound.",
        "a core was full",
        "a",
    )
    assert throughput_is_lower_bound(trial(verdict=verdict))


def test_machines_with_the_same_finding_are_named_together_with_the_evidence_of_each() -> None:
    found = [judged(name, finding("late", evidence=f"of {name}")) for name in ("a", "b")]
    [named] = with_machines([], [*found, judged("c")])
    assert (named.text, named.evidence) == ("Client machines a and b: the late.", "a: of a; b: of b")
    [all_alike] = with_machines([], [judged(name, finding("late")) for name in ("a", "b")])
    assert (all_alike.text, all_alike.evidence) == ("All client machines: the late.", "e")


def test_of_many_machines_the_first_are_named() -> None:
    bad = [judged(f"n{number}", finding("stolen", evidence=f"e{number}")) for number in range(7)]
    [named] = with_machines([], [*bad, judged("good")])
    assert named.text == "Client machines n0, n1, n2, n3 and 3 more: the stolen."
    assert named.evidence == "n0: e0; n1: e1; n2: e2; n3: e3; and 3 more"


def test_where_all_clients_are_alike_the_trial_has_said_so_itself() -> None:
    own = [finding("client_added", "note", "of all"), finding("few_samples", "note")]
    alike = [judged(name, finding("client_added", "note", name)) for name in ("a", "b")]
    assert with_machines(own, alike) == own
    # A machine without connections has nothing to be found.
    assert with_machines(own, [*alike, judged("idle", connections=0)]) == own


def test_a_client_that_stands_out_takes_the_place_of_all_of_them() -> None:
    own = [finding("client_bound", evidence="of all"), finding("few_samples", "note")]
    found = with_machines(own, [judged("a", finding("client_bound", evidence="of a")), judged("b")])
    assert [(each.code, each.evidence) for each in found] == [("few_samples", "e"), ("client_bound", "of a")]


def test_failures_of_one_machine_stand_beside_those_of_all() -> None:
    own = [finding("failures", text="Many requests failed.")]
    found = with_machines(own, [judged("a", finding("failures", text="All requests failed.")), judged("b")])
    assert [each.text for each in found] == ["Many requests failed.", "Client machine a: all requests failed."]


@pytest.mark.parametrize(("requests", "severity"), [(9_000, "suspect"), (10_000, "invalid")])
def test_what_is_invalid_on_a_smaller_part_of_the_load_makes_the_trial_suspect(
    requests: int, severity: Severity
) -> None:
    bad = judged("a", finding("stolen", "invalid"), requests=requests)
    assert [each.severity for each in with_machines([], [bad, judged("b")])] == [severity]


def test_an_abbreviation_stays_as_it_is_in_a_sentence() -> None:
    [named] = with_machines([], [judged("a", finding("x", text="CPU time was taken.")), judged("b")])
    assert named.text == "Client machine a: CPU time was taken."


@pytest.mark.parametrize("code", ["disturbed", "stolen", "throttled", "machine_speed"])
def test_a_machine_may_have_spoiled_the_trial(code: str) -> None:
    spoiled = trial(judged("a", finding(code)), judged("b"))
    assert spoiled_by_machine(spoiled.model_copy(update={"verdict": judge_trial(spoiled, WindowEvidence())}))


def client_speed(*client_ns: int) -> MachineSpeed:
    return MachineSpeed.of([SpeedReading(at=10.0 * at, client_ns=ns) for at, ns in enumerate(client_ns)])


def test_machines_are_judged_again_by_their_speed_over_the_whole_run() -> None:
    slow = finding("machine_speed")
    first = trial(judged("a", slow, finding("late"), speed=Speed(client=0.8)), judged("b"), at=20.0)
    first = first.model_copy(update={"verdict": judge_trial(first, WindowEvidence())})
    assert {"machine_speed", "late"} <= {each.code for each in first.verdict.findings}
    # Over the run a was as slow as ever, and b was faster than usual in the trial.
    speeds = {"a": client_speed(*[100] * 8), "b": client_speed(130, 130, 100, 100, *[130] * 4)}
    again = judge_speed_again(first, None, speeds)
    a, b = again.machines
    assert (a.speed.client, codes(a.verdict)) == (1.0, [("late", "suspect")])
    assert (b.speed.client, codes(b.verdict)) == (1.3, [("machine_speed", "suspect")])
    texts = [each.text for each in again.verdict.findings if each.code == "machine_speed"]
    assert texts == ["Client machine b: the machine's cores were faster than over the run as a whole."]
    assert "late" in [each.code for each in again.verdict.findings]


def test_a_trial_that_failed_is_not_judged_again() -> None:
    failed = trial(judged("a", finding("machine_speed")), state="failed", verdict="invalid", at=20.0)
    again = judge_speed_again(failed, None, {"a": client_speed(100, 100)})
    assert again.machines[0].verdict == failed.machines[0].verdict
