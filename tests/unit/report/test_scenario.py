"""What a scenario records beside requests, as measures of its trials."""

import pytest

from loadlab.report.scenario import (
    COMPLETED_SHARE,
    ITERATION_P50,
    ITERATION_P99,
    ITERATION_RATE,
    checks_of,
    due_outcomes,
    has_scenario,
    names_of,
    step_measure,
    tail_of,
)
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument

from ...trials import make_trial


def test_levels_are_kept_apart(shop: RunDocument, sample_run: RunDirectory) -> None:
    assert names_of(shop.trials, "iteration") == ("checkout",)
    assert names_of(shop.trials, "step") == ("browse", "pay")
    assert names_of(shop.trials, "request") == ("POST /login", "GET /items", "GET /items/{id}", "POST /orders")
    assert has_scenario(shop.trials)
    assert not has_scenario(sample_run.read_document().trials)


def test_iterations_and_steps_have_figures_of_their_own(shop: RunDocument) -> None:
    [trial] = shop.trials
    assert ITERATION_RATE.read(trial) == 500
    assert trial.iterations is not None
    assert ITERATION_P99.read(trial) == trial.iterations.response_ns.p99
    browse = next(kind for kind in trial.kinds if kind.name == "browse")
    measure = step_measure("browse", "p99")
    assert (measure.title, measure.metric) == ("browse", "steps.browse.response_ns.p99")
    assert measure.read(trial) == browse.response_ns.p99
    assert step_measure("{no such}", "p99").read(trial) is None
    assert step_measure("{no such}", "p99").title == "{no such}"


def test_a_percentile_that_too_few_samples_lie_beyond_is_not_read(shop_users: RunDocument) -> None:
    few = shop_users.trials[0]
    assert few.iterations is not None
    assert few.iterations.requests == 200
    assert (ITERATION_P50.is_firm(few), ITERATION_P99.is_firm(few)) == (True, False)
    assert ITERATION_P99.read(few) is None


def test_what_is_due_are_iterations_where_there_are_any(shop_rates: RunDocument) -> None:
    assert [COMPLETED_SHARE.read(trial) for trial in shop_rates.trials] == [1.0, 1.0, 0.75]
    assert [due_outcomes(trial).get("dropped", 0) for trial in shop_rates.trials] == [0, 0, 100]
    plain = make_trial(outcomes={"dropped": 3}, offered_per_second=5.0, requests_per_second=4.0)
    assert due_outcomes(plain) == {"dropped": 3}
    assert COMPLETED_SHARE.read(plain) is None


def test_checks_are_counted_over_all_trials_those_that_fail_most_first(shop_users: RunDocument) -> None:
    checks = [(check.name, check.passed, check.failed) for check in checks_of(shop_users.trials)]
    assert checks == [("order accepted", 7_193, 7), ("price shown", 14_400, 0)]


def test_the_tail_is_p99_where_at_least_half_have_enough_samples_for_it() -> None:
    many, few, none = (LatencySummary(p90=5, p99=9, count=count) for count in (1_000, 999, 0))
    assert tail_of([many, few, none]) == "p99"
    assert tail_of([many, few, few]) == "p90"
    assert tail_of([]) == "p99"


@pytest.mark.parametrize("checks", [[], [{"name": "never", "passed": 0, "failed": 0}]])
def test_no_check_fails_where_none_was_made(checks: list[dict[str, object]]) -> None:
    assert all(check.failed == 0 for check in checks_of([make_trial(checks=checks)]))
