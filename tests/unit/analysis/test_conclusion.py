"""What a run says as a whole, from made-up trials."""

import pytest

from loadlab.analysis.conclusion import conclude, cost_at_usual_speed
from loadlab.analysis.uncertainty import Estimate
from loadlab.profile.schema import WaitCostProfile
from loadlab.results.run import HostFingerprint, RunDocument
from loadlab.results.speed import MachineSpeed, Speed, SpeedReading
from loadlab.results.trial import Round
from loadlab.results.verdict import Judgement

from ...trials import make_trial, make_usage

HOST = HostFingerprint(
    hostname="h",
    system="s",
    kernel="k",
    cpu="c",
    cores=2,
    memory_bytes=1,
    python="3",
    open_files_soft=1,
    open_files_hard=1,
    local_ports=(1, 2),
    load_average=0.0,
)
CPU = "target.cpu_ns_per_request"
DESCRIPTORS = (10, 100, 1000, 5000)
VALID: tuple[Judgement, ...] = ("valid", "valid", "valid", "valid")
PROFILE = WaitCostProfile.model_validate(
    {
        "name": "x",
        "kind": "wait-cost",
        "wait": {"method": "select", "descriptors": 10, "channel": "eventfd"},
        "plot": {"x": "wait.descriptors", "y": "cost_ns"},
        "expect": ["slope of cost_ns over wait.descriptors < 20ns"],
    }
)


def document(verdicts: tuple[Judgement, ...] = VALID, interrupted: bool = False) -> RunDocument:
    """A run that planned a trial for each of DESCRIPTORS, each at 30 ns a descriptor; so many are there."""
    trials = [
        make_trial(verdict, id=f"{n:03d}", factors={"wait.descriptors": n}, cost_ns=500 + 30 * n)
        for n, verdict in zip(DESCRIPTORS, verdicts, strict=False)
    ]
    return RunDocument(
        loadlab="0",
        command=[],
        started="",
        seed=0,
        profile={},
        host=HOST,
        verdict="invalid",
        interrupted=interrupted,
        trials=trials,
        trials_planned=len(DESCRIPTORS),
    )


def test_a_whole_run_has_its_verdict_its_laws_and_what_was_expected_of_them() -> None:
    concluded = conclude(document(("valid", "valid", "suspect", "valid")), PROFILE)
    assert concluded.verdict == "suspect"
    (law,) = concluded.laws
    assert law.slope is not None
    assert 29 < law.slope < 31
    assert [expectation.met for expectation in concluded.expectations] == [False]


def test_what_is_missing_decides_nothing_about_a_law() -> None:
    for part in (document(VALID[:3]), document(interrupted=True)):
        concluded = conclude(part, PROFILE)
        assert concluded.laws
        assert concluded.expectations == []


def test_a_run_without_a_plot_has_no_laws() -> None:
    plain = PROFILE.model_copy(update={"plot": None, "expect": ()})
    assert conclude(document(), plain).laws == []


def test_trials_are_judged_again_by_the_speed_of_the_whole_run() -> None:
    readings = [SpeedReading(at=10 * at, client_ns=ns) for at, ns in enumerate([100, 100, 150, 150, 100])]
    speed = MachineSpeed(readings=readings, client_ns=100)
    trials = [make_trial(at=at, window_ns=800_000_000) for at in (2.0, 22.0)]
    concluded = conclude(document().model_copy(update={"trials": trials, "speed": speed}), PROFILE)
    assert [trial.verdict.state for trial in concluded.trials] == ["valid", "suspect"]
    assert [trial.speed.client for trial in concluded.trials] == [1.0, 100 / 150]
    assert concluded.verdict == "suspect"


def a_round(cpu: float | None, speed: float | None) -> Round:
    return Round(
        at=0, window_ns=1, requests=1, requests_per_second=1, cpu_ns_per_request=cpu, speed=Speed(target=speed)
    )


def test_a_single_window_is_corrected_by_the_speed_of_its_trial() -> None:
    assert cost_at_usual_speed("cost_ns", make_trial(cost_ns=100)) == Estimate(100, 100, 100)
    assert cost_at_usual_speed("cost_ns", make_trial(cost_ns=125, speed=Speed(target=0.8))) == Estimate(100, 100, 100)
    assert cost_at_usual_speed("cost_ns", make_trial()) is None


def test_an_interval_is_corrected_with_its_figure() -> None:
    trial = make_trial(cost_ns=100, confidence={"cost_ns": (90.0, 120.0)}, speed=Speed(target=1.1))
    found = cost_at_usual_speed("cost_ns", trial)
    assert found is not None
    assert (found.value, *found.interval) == pytest.approx((110, 99, 132))


def test_each_round_is_corrected_by_its_own_speed() -> None:
    rounds = [a_round(20_000 / speed, speed) for speed in (1.0, 0.7, 0.75, 1.0, 1.05)] + [a_round(None, 1.0)]
    target = make_usage(cpu_ns_per_request=26_000)
    found = cost_at_usual_speed(CPU, make_trial(target=target, rounds=rounds))
    assert found is not None
    assert (found.value, *found.interval) == pytest.approx((20_000, 20_000, 20_000))


def test_rounds_of_unknown_speed_are_taken_as_they_are() -> None:
    found = cost_at_usual_speed(CPU, make_trial(rounds=[a_round(cost, None) for cost in (10, 12, 11)]))
    assert found is not None
    assert found.value == pytest.approx(11)
    assert found.low < 10 < 12 < found.high


def test_two_rounds_have_no_interval_of_their_own() -> None:
    trial = make_trial(
        target=make_usage(cpu_ns_per_request=10), rounds=[a_round(10, None)] * 2, speed=Speed(target=0.5)
    )
    assert cost_at_usual_speed(CPU, trial) == Estimate(5, 5, 5)
