"""What the first screen says of a scenario."""

from collections.abc import Mapping

from loadlab.report.sections.iterations import describe_checks, describe_failed_iterations
from loadlab.report.sections.overview import overview_of
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import CheckResult
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

from ..laid_out import run_of

NBSP = "\N{NO-BREAK SPACE}"


def head(document: RunDocument) -> tuple[str, ...]:
    return overview_of(run_of(document)).head


def with_iterations(trial: TrialResult, outcomes: Mapping[str, int]) -> TrialResult:
    iterations, *others = trial.kinds
    return trial.model_copy(update={"kinds": [iterations.model_copy(update={"outcomes": dict(outcomes)}), *others]})


def with_rate(trial: TrialResult, rate: float) -> TrialResult:
    iterations, *others = trial.kinds
    return trial.model_copy(update={"kinds": [iterations.model_copy(update={"requests_per_second": rate}), *others]})


def test_a_single_trial_says_its_iterations_beside_its_requests(shop: RunDocument) -> None:
    assert head(shop) == (
        f"shop answers 2,000 requests/s; half of the responses take at most 1.8 ms, 99{NBSP}% at most 42.9 ms.",
        f"checkout: 500 iterations/s; half of them take at most 129 ms, 99{NBSP}% at most 187 ms.",
        "p99 of its steps: pay 50.2 ms and browse 4.54 ms.",
        "7 of 1,007 iterations failed (script error: 7).",
        f"Failed checks: “order accepted” 1 of 1,000 times (0.1{NBSP}%).",
    )


def test_a_scenario_that_only_exchanges_messages_is_not_said_to_have_no_answers(shop: RunDocument) -> None:
    [trial] = shop.trials
    silent = trial.model_copy(update={"requests": 0, "requests_per_second": 0.0})
    first, *_ = head(shop.model_copy(update={"trials": [silent]}))
    assert first.startswith("checkout: 500 iterations/s")


def test_over_users_it_says_which_step_depends_on_them(shop_users: RunDocument) -> None:
    throughput, times, steps, iterations, checks = head(shop_users)
    assert times.startswith("From 50 to 200 users: iteration time p50 ")
    assert ", p99 190 ms → 290 ms" in times
    assert throughput.startswith("Throughput of shop rises with more users, 20-fold at 200")
    assert iterations == ("Iterations of checkout: from 10 to 200 users: 100 → 2,000 iterations/s (20 times).")
    assert steps.startswith("p99 of the steps rises with more users for pay, 3.5-fold at 200")
    assert "it does not change for browse" in steps
    assert checks.startswith("Failed checks: “order accepted” 7 of 7,200 times")


def test_at_a_rate_it_is_about_iterations_and_says_what_was_never_begun(shop_rates: RunDocument) -> None:
    answer = overview_of(run_of(shop_rates))
    assert answer.head[0].startswith("Iteration time (p99) with shop rises as the offered rate grows")
    assert "p99 of browse and pay does not depend on the offered rate" in answer.head[1]
    assert "100 iterations that were due were never begun, as no user was free." in answer.head
    missed = f"Not all iterations that were due were completed: 75{NBSP}% of them at worst (200 offered iterations/s)."
    assert missed in answer.rest


def test_that_a_few_iterations_are_missing_may_be_chance(shop_rates: RunDocument) -> None:
    trials = [with_rate(trial, 0.9 * (trial.offered_per_second or 0)) for trial in shop_rates.trials]
    # 90 of 100 are within three standard deviations, 360 of 400 are not quite.
    rest = overview_of(run_of(shop_rates.model_copy(update={"trials": trials[:2]}))).rest
    assert "The iterations that were due were completed everywhere." in rest
    late = [trial.model_copy(update={"window_ns": 20 * trial.window_ns}) for trial in trials]
    rest = overview_of(run_of(shop_rates.model_copy(update={"trials": late}))).rest
    assert any(sentence.startswith("Not all iterations that were due were completed: 90") for sentence in rest)


def test_a_single_trial_at_a_rate_says_how_many_were_offered(shop_rates: RunDocument) -> None:
    alone = shop_rates.trials[-1].model_copy(update={"factors": {}})
    profile = {key: value for key, value in shop_rates.profile.items() if key != "sweep"}
    assert (
        f"checkout: 150 iterations/s of 200 offered; half of them take at most 552 ms, 99{NBSP}% at most 552 ms since "
        "they were due."
    ) in head(shop_rates.model_copy(update={"trials": [alone], "profile": profile}))


def test_nothing_is_said_without_a_scenario(sample_run: RunDirectory) -> None:
    assert not any("iteration" in sentence for sentence in head(sample_run.read_document()))


def test_how_iterations_failed(shop: RunDocument) -> None:
    [trial] = shop.trials
    failed = with_iterations(trial, {"ok": 8, "timeout": 3, "script_error": 1, "cut": 5, "dropped": 0})
    assert [*describe_failed_iterations([failed])] == ["4 of 12 iterations failed (timeout: 3; script error: 1)."]
    assert [*describe_failed_iterations([with_iterations(trial, {"ok": 8, "cut": 5})])] == []


def test_checks_that_all_passed_take_one_sentence_and_of_many_that_failed_a_few_are_named(shop: RunDocument) -> None:
    def checked(*counts: tuple[int, int]) -> list[TrialResult]:
        checks = [CheckResult(name=f"c{at}", passed=good, failed=bad) for at, (good, bad) in enumerate(counts)]
        return [trial.model_copy(update={"checks": checks}) for trial in shop.trials]

    assert [*describe_checks(checked((5, 0), (7, 0)))] == ["All checks passed (12)."]
    assert [*describe_checks(checked())] == []
    [sentence] = describe_checks(checked((1, 1), (1, 3), (1, 2), (0, 1), (3, 0)))
    assert sentence == (
        f"Failed checks: “c3” 1 of 1 times (100{NBSP}%), “c1” 3 of 4 times (75{NBSP}%), “c2” 2 of 3 times "
        f"(66.7{NBSP}%); 1 more."
    )
