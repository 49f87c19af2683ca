"""A load test among the tests: one run, several assertions on its figures."""

from pathlib import Path

import pytest

import loadlab

MS = 1e6
"""A millisecond in nanoseconds, the unit of all times of a trial."""


@pytest.fixture(scope="module")
def trial() -> loadlab.TrialResult:
    """Run the profile, once for all tests of this file."""
    measured = loadlab.run_profile(Path(__file__).with_name("profile.yaml"), calibrate=False).trial
    assert measured.state == "done", measured.reason
    return measured


def test_orders_are_placed_in_good_time(trial: loadlab.TrialResult) -> None:
    """99 of 100 orders take less than a second, counted from when the customer wanted to order."""
    p99_ns = trial.step("order").response_ns.p99
    assert p99_ns is not None
    assert p99_ns < 1000 * MS


def test_every_order_is_accepted(trial: loadlab.TrialResult) -> None:
    """No order was refused."""
    assert trial.check("order accepted").failed == 0


def test_no_request_fails(trial: loadlab.TrialResult) -> None:
    """All answers came, with a status of success."""
    assert trial.outcomes.keys() <= {"ok", "cut"}, trial.failure_samples
