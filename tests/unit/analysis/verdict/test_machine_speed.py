"""How fast the machine was in a trial: what is found of it, judged again or not, and what another attempt is for."""

import pytest

from loadlab.analysis.verdict import WindowEvidence, judge_speed_again, judge_trial, spoiled_by_machine
from loadlab.analysis.verdict.machine_speed import at_final_speed, machine_speed
from loadlab.results.probe_data import ControlGroupUse, Side
from loadlab.results.speed import MachineSpeed, Speed, SpeedReading
from loadlab.results.trial import LoadedServer, Round, TrialResult
from loadlab.results.verdict import Finding, Judgement, Severity, Verdict

from ....trials import make_trial


def finding(code: str, severity: Severity = "suspect") -> Finding:
    return Finding(code=code, severity=severity, text="", evidence="", advice="")


def found(code: str, severity: Severity = "suspect", **fields: object) -> TrialResult:
    state: Judgement = "valid" if severity == "note" else severity
    return make_trial(Verdict(state=state, findings=[finding(code, severity)]), **fields)


def readings(*target_ns: int | None, client_ns: int | None = 100) -> MachineSpeed:
    """One reading every ten seconds; the run's median is 100 ns on either side."""
    each = [SpeedReading(at=10.0 * at, target_ns=ns, client_ns=client_ns) for at, ns in enumerate(target_ns)]
    return MachineSpeed(readings=each, target_ns=100, client_ns=100)


def a_round(at: float, window_ns: int = 1_000_000_000) -> Round:
    return Round(at=at, window_ns=window_ns, requests=1, requests_per_second=1.0)


@pytest.mark.parametrize(
    ("speed", "severity"),
    [
        (Speed(), None),
        (Speed(target=1.0, client=1.04), None),
        (Speed(target=0.96, client=1.0), None),
        (Speed(target=0.95), "note"),
        (Speed(client=1.05), "note"),
        (Speed(target=0.86, client=1.14), "note"),
        (Speed(target=0.85), "suspect"),
        (Speed(target=1.0, client=0.7), "suspect"),
        (Speed(target=1.2), "suspect"),
    ],
)
def test_a_speed_off_the_median_is_found(speed: Speed, severity: str | None) -> None:
    result = machine_speed(make_trial(speed=speed), WindowEvidence())
    assert (result and result.severity) == severity


@pytest.mark.parametrize(
    ("speed", "text", "evidence"),
    [
        (Speed(target=0.7, client=1.0), "slower", "the target's cores were 30\N{NO-BREAK SPACE}% slower"),
        (
            Speed(target=1.06, client=1.331),
            "faster",
            "6\N{NO-BREAK SPACE}% faster and the client's cores were 33.1\N{NO-BREAK SPACE}% faster",
        ),
        (Speed(target=0.8, client=1.06), "slower", "the client's cores were 6\N{NO-BREAK SPACE}% faster"),
    ],
)
def test_the_evidence_names_the_sides_that_are_off(speed: Speed, text: str, evidence: str) -> None:
    result = machine_speed(make_trial(speed=speed), WindowEvidence())
    assert result is not None
    assert text in result.text
    assert result.evidence.endswith(evidence)


def test_a_microbenchmark_has_no_sides() -> None:
    result = machine_speed(make_trial(cost_ns=10.0, speed=Speed(client=0.8)), WindowEvidence())
    assert result is not None
    assert result.evidence == "against their median over the run, its cores were 20\N{NO-BREAK SPACE}% slower"


def test_it_is_part_of_the_verdict() -> None:
    usual = make_trial(requests=1, outcomes={"ok": 1}, speed=Speed(target=1.0))
    assert judge_trial(usual, WindowEvidence()).state == "valid"
    verdict = judge_trial(usual.model_copy(update={"speed": Speed(target=0.8)}), WindowEvidence())
    assert (verdict.state, verdict.findings[-1].code) == ("suspect", "machine_speed")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (2.0, 8.0, 0.75),  # between the readings at 0 s and at 10 s
        (0.0, 10.0, 0.75),
        (12.0, 18.0, 0.75),
        (21.0, 29.0, 1.0),
        (50.0, 60.0, 1.0),  # after the last one
        (10.5, 18.0, 0.75),  # that of the second before is the last one before
        (12.0, 19.5, 0.75),
        (9.5, 10.2, 1.0),  # a slow one in between, two others around
    ],
)
def test_the_speed_in_between_is_that_of_the_readings_around(start: float, end: float, expected: float) -> None:
    assert readings(100, 200, 100, 100).during(start, end).target == expected


def test_the_median_of_the_readings_of_a_second_counts_so_that_a_disturbed_one_does_not() -> None:
    each = [SpeedReading(at=0.25 * at, target_ns=ns) for at, ns in enumerate([100] * 6 + [180] + [100] * 6 + [200] * 9)]
    machine = MachineSpeed(readings=each, target_ns=100)
    assert machine.during(1.3, 1.4).target == 1.0
    # Where the speed has changed, it is that of the side that the stretch lies on.
    assert machine.during(2.55, 2.65).target == 1.0
    assert machine.during(3.55, 3.65).target == 0.5


def test_without_readings_there_is_no_speed() -> None:
    assert MachineSpeed(readings=[]).during(0, 1) == Speed()
    assert readings(None, None, client_ns=200).during(0, 1) == Speed(client=0.5)


def test_a_trial_has_the_speed_of_its_window_and_with_rounds_their_median() -> None:
    machine = readings(100, 100, 200, 200, 100, 100)
    assert at_final_speed(make_trial(at=21.0, window_ns=8_000_000_000), machine).speed.target == 0.5
    trial = at_final_speed(make_trial(rounds=[a_round(2), a_round(22), a_round(42)]), machine)
    assert [each.speed.target for each in trial.rounds] == [1.0, 0.5, 1.0]
    assert trial.speed == Speed(target=1.0, client=1.0)


def test_a_target_on_a_machine_of_the_cluster_has_the_speed_of_that_machine() -> None:
    server = LoadedServer(address="10.0.0.1:80", remote=True, on="db")
    trial = found("clean", at=20.0, window_ns=1_000_000_000, server=server)
    clients = {"db": readings(100, 100, 200, 200, 100, client_ns=None), "one": readings(None, None)}
    speed = at_final_speed(trial, readings(100, 100, 100, 100, 100), clients).speed
    assert (speed.target, speed.client) == (0.5, None)


def test_a_trial_of_an_unknown_time_keeps_its_speed() -> None:
    assert at_final_speed(make_trial(speed=Speed(target=0.9)), readings(100)).speed.target == 0.9


def test_what_the_rest_of_the_run_shows_changes_the_verdict() -> None:
    machine = readings(100, 100, 200, 200)
    slow = judge_speed_again(make_trial(at=22.0, window_ns=1_000_000_000), machine)
    assert (slow.verdict.state, [each.code for each in slow.verdict.findings]) == ("suspect", ["machine_speed"])
    usual = judge_speed_again(found("machine_speed", at=2.0, window_ns=1_000_000_000), machine)
    assert usual.verdict == Verdict(state="valid")


def test_other_findings_stay_when_a_trial_is_judged_again() -> None:
    both = Verdict(state="invalid", findings=[finding("no_requests", "invalid"), finding("machine_speed")])
    again = judge_speed_again(make_trial(both, at=0.0), readings(100, 100))
    assert (again.verdict.state, [each.code for each in again.verdict.findings]) == ("invalid", ["no_requests"])


def test_a_trial_that_failed_stays_invalid() -> None:
    failed = make_trial("invalid", state="failed", at=22.0)
    assert judge_speed_again(failed, readings(100, 100, 200, 200)).verdict == Verdict(state="invalid")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (make_trial(), False),
        (found("machine_speed"), True),
        (found("machine_speed", "note"), False),
        (found("disturbed"), True),
        (found("stolen", "invalid"), True),
        (found("unsteady"), False),
        (found("client_bound"), False),
    ],
)
def test_what_another_attempt_is_for(result: TrialResult, expected: bool) -> None:
    assert spoiled_by_machine(result) is expected


@pytest.mark.parametrize(("holds", "expected"), [(["target"], False), (["target", "client"], True), (["client"], True)])
def test_a_quota_of_the_target_alone_is_part_of_what_is_measured(holds: list[Side], expected: bool) -> None:
    group = ControlGroupUse(group="/sys/fs/cgroup/job", holds=holds, quota_cores=1.0, periods=10, throttled_periods=5)
    idle = ControlGroupUse(group="/sys/fs/cgroup", holds=["client"], quota_cores=2.0, periods=1000, throttled_periods=1)
    assert spoiled_by_machine(found("throttled", control_groups=[group, idle])) is expected
