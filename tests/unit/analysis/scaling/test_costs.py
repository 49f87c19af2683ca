"""The cost that a law is fitted to: at the machine's usual speed, round by round where there are rounds."""

import pytest

from loadlab.analysis.scaling import cost_at_usual_speed
from loadlab.analysis.uncertainty import Estimate
from loadlab.results.model import Round
from loadlab.results.speed import Speed

from ....trials import make_trial, make_usage

CPU = "target.cpu_ns_per_request"


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
