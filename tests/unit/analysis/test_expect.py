"""Expectations against a trial and against the laws of a run: what counts as met, and how it is reported."""

import pytest

from loadlab.analysis.expect import check_expectations, check_law_expectations
from loadlab.analysis.metrics import metric_names
from loadlab.profile.expect import ConditionalExpectation, Wanted
from loadlab.results.laws import Law
from loadlab.results.requests import CheckResult, KindLevel, KindResult, LatencySummary
from loadlab.results.verdict import Expectation

from ...trials import make_trial

RESULT = make_trial(
    factors={"target.server": "epoll", "load.idle": 1000, "load.duration": "90s"},
    requests=1000,
    requests_per_second=19_000.0,
    outcomes={"ok": 990, "timeout": 4, "reset": 3, "cut": 16},
    response_ns=LatencySummary(p50=1_000, p99=1_234_000, p99_9=9_000_000, count=1000),
)


@pytest.mark.parametrize(
    ("text", "met", "measured"),
    [
        ("response_ns.p99 <= 2ms", True, "1.23 ms"),
        ("response_ns.p99 <= 1ms", False, "1.23 ms"),
        ("response_ns.p99.9 == 9ms", True, "9 ms"),
        ("response_ns.count == 1k", True, "1k"),
        ("requests_per_second >= 20k", False, "19k"),
        ("failures == 7", True, "7"),
        ("outcomes.timeout < 4", False, "4"),
        ("outcomes.refused == 0", True, "0"),
        ("target.rss_bytes < 1GiB", False, "nothing"),
        ("response_ns.max < 1h", False, "nothing"),
        ("p99 < 2ms", True, "1.23 ms"),
        ("errors == 0", False, "7"),
    ],
)
def test_check(text: str, met: bool, measured: str) -> None:
    assert check_expectations([text], RESULT) == [Expectation(text=text, met=met, measured=measured)]


def of_kind(name: str, level: KindLevel, p99: int, **outcomes: int) -> KindResult:
    times = LatencySummary(p50=p99 // 2, p99=p99, max=p99, count=100)
    rate = float(outcomes["ok"])
    return KindResult(
        name=name,
        level=level,
        requests=outcomes["ok"],
        requests_per_second=rate,
        outcomes=outcomes,
        response_ns=times,
        service_ns=times,
    )


SCENARIO = RESULT.model_copy(
    update={
        "kinds": [
            of_kind("GET /items/{id}", "request", 2_000_000, ok=50),
            of_kind("browse", "step", 5_000_000, ok=20, timeout=1),
            of_kind("pay now", "step", 7_000_000, ok=10),
            of_kind("checkout", "iteration", 900_000_000, ok=10, script_error=2, dropped=3),
        ],
        "checks": [CheckResult(name="status == 201", passed=9, failed=1), CheckResult(name="v1.0", passed=5, failed=0)],
    }
)


@pytest.mark.parametrize(
    ("text", "met", "measured"),
    [
        ("kinds.GET /items/{id}.response_ns.p99 < 1ms", False, "2 ms"),
        ("steps.pay now.p99 < 8ms", True, "7 ms"),
        ("steps.browse.errors == 0", False, "1"),
        ("steps.browse.outcomes.timeout == 1", True, "1"),
        ("iterations.throughput > 9", True, "10"),
        ("iterations.response_ns.p99 < 1s", True, "900 ms"),
        ("iterations.failures <= 5", True, "5"),
        ("iterations.outcomes.script_error == 0", False, "2"),
        ("checks.status == 201.failed == 0", False, "1"),
        ("checks.v1.0.passed >= 5", True, "5"),
        ("failed_checks == 0", False, "1"),
        (
            "steps.brwose.p99 < 1s",
            False,
            "no step 'brwose': this scenario had browse and pay now; did you mean 'browse'?",
        ),
        ("kinds.POST /orders.requests > 0", False, "no request 'POST /orders': this scenario had GET /items/{id}"),
        ("checks.other.failed == 0", False, "no check 'other': this scenario had status == 201 and v1.0"),
    ],
)
def test_check_of_a_scenario(text: str, met: bool, measured: str) -> None:
    assert check_expectations([text], SCENARIO) == [Expectation(text=text, met=met, measured=measured)]


def test_a_scenario_without_steps_says_so() -> None:
    alone = RESULT.model_copy(update={"kinds": SCENARIO.kinds[-1:]})
    (checked,) = check_expectations(["steps.pay.p99 < 1s"], alone)
    assert checked.measured == "no step 'pay': this scenario had none"


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("p99 < 2ms", False),  # it is longer than was measured, and by how much is not known
        ("p99 == 1234us", False),
        ("p99 != 2ms", False),
        ("p99 > 1ms", True),
        ("p99 >= 2ms", False),
        ("response_ns.mean < 1s", False),
        ("p50 < 1ms", True),
    ],
)
def test_a_figure_that_is_too_low_meets_only_what_a_higher_one_meets_too(text: str, met: bool) -> None:
    response = RESULT.response_ns.model_copy(update={"too_low": ["p99"], "mean": 5_000.0})
    (checked,) = check_expectations([text], RESULT.model_copy(update={"response_ns": response}))
    assert checked.met is met
    assert checked.measured.endswith("the window was too short") is not text.startswith("p50")


@pytest.mark.parametrize(
    ("text", "met", "measured"),
    [
        ("throughput >= 17k", True, "19k (95 %: 18k to 20.5k)"),
        ("throughput >= 18500", True, "19k (95 %: 18k to 20.5k); met, but not certain"),
        ("throughput >= 20k", False, "19k (95 %: 18k to 20.5k); not met, but not certain"),
        ("throughput >= 21k", False, "19k (95 %: 18k to 20.5k)"),
        ("p99 <= 2ms", True, "1.23 ms (95 %: 1.1 ms to 1.5 ms)"),
        ("p99 <= 1400us", True, "1.23 ms (95 %: 1.1 ms to 1.5 ms); met, but not certain"),
        ("p50 <= 2us", True, "1 µs"),  # without an interval nothing is known of its certainty
    ],
)
def test_a_figure_with_an_interval_says_how_certain_it_is(text: str, met: bool, measured: str) -> None:
    intervals = {"requests_per_second": (18_000.0, 20_500.0), "response_ns.p99": (1_100_000.0, 1_500_000.0)}
    result = RESULT.model_copy(update={"confidence": intervals})
    assert check_expectations([text], result) == [Expectation(text=text, met=met, measured=measured)]


def test_of_a_kind_of_request_too() -> None:
    times = LatencySummary(p99=1_000, count=1000, too_low=["p99"])
    kind = KindResult(
        name="slow", requests=1000, requests_per_second=1.0, outcomes={}, response_ns=times, service_ns=times
    )
    (checked,) = check_expectations(["kinds.slow.response_ns.p99 < 1s"], RESULT.model_copy(update={"kinds": [kind]}))
    assert (checked.met, checked.measured) == (False, "at least 1 µs: the window was too short")


def test_an_unknown_metric_is_reported_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"there is no metric 'respons_ns.p99'; did you mean 'response_ns.p99'\?"):
        check_expectations(["respons_ns.p99 < 1ms"], RESULT)


def test_metrics_are_the_figures_of_a_trial() -> None:
    names = set(metric_names())
    assert {"requests", "requests_per_second", "response_ns.p99.9", "idle.alive", "failures"} <= names
    assert {"target.cpu_user_ns_per_request", "client.rss_bytes", "outcomes.too_large"} <= names
    assert not {"id", "repeat", "state", "factors", "reason", "intervals", "outcomes", "response_ns"} & names


@pytest.mark.parametrize("metric", sorted(metric_names()))
def test_every_metric_can_be_looked_up(metric: str) -> None:
    (checked,) = check_expectations([f"{metric} >= 0"], RESULT)
    assert checked.met or checked.measured in ("nothing", "no iterations: the load has no scenario")


@pytest.mark.parametrize(
    ("where", "checked"),
    [
        ({"target.server": "epoll"}, True),
        ({"target.server": "select"}, False),
        ({"target.server": ("select", "epoll"), "load.idle": "> 500"}, True),
        ({"target.server": "epoll", "load.idle": "> 1k"}, False),
        ({"load.duration": "1m30s"}, True),
        ({"load.timeout": "5s"}, True),  # not swept, so the same in all trials: held against the profile before the run
    ],
)
def test_only_the_trials_that_are_meant_are_checked(where: dict[str, Wanted], checked: bool) -> None:
    results = check_expectations([ConditionalExpectation(expect="errors == 0", where=where)], RESULT)
    assert [result.met for result in results] == [False] * checked


def test_an_expectation_is_reported_with_its_where() -> None:
    entry = ConditionalExpectation(
        expect="errors == 0", where={"target.server": ("epoll", "poll"), "load.idle": "<= 1k"}
    )
    (checked,) = check_expectations([entry], RESULT)
    assert checked.text == "errors == 0 where target.server is epoll or poll and load.idle <= 1k"


def law(server: str, slope: float, exponent: float | None = None) -> Law:
    return Law(
        metric="target.cpu_ns_per_request",
        over="load.idle",
        where={"target.server": server},
        intercept=10_000,
        slope=slope,
        slope_interval=(slope - 0.5, slope + 0.5),
        exponent=exponent,
        exponent_interval=None if exponent is None else (exponent - 0.1, exponent + 0.1),
        text="",
    )


LAWS = [law("select", 71.3, 0.9), law("epoll", 0.1)]
SLOPE = "slope of cpu_per_request over load.idle"


def test_each_law_is_checked() -> None:
    select, epoll = check_law_expectations(["errors == 0", f"{SLOPE} < 1ns"], LAWS)
    assert select == Expectation(
        text=f"{SLOPE} < 1ns",
        met=False,
        measured="71.3 ns (95 %: 70.8 ns to 71.8 ns)",
        series="select",
    )
    assert (epoll.met, epoll.series) == (True, "epoll")


@pytest.mark.parametrize(
    ("bound", "met"),
    [("< 0.6ns", False), ("<= 0.6ns", True), ("< 0.5ns", False), ("> -0.5ns", True), ("> 0", False), ("> -1ns", True)],
)
def test_the_whole_interval_has_to_keep_to_the_bound(bound: str, met: bool) -> None:
    entry = ConditionalExpectation(expect=f"{SLOPE} {bound}", where={"target.server": "epoll"})
    assert [checked.met for checked in check_law_expectations([entry], LAWS)] == [met]


def test_an_exponent_is_checked_where_it_was_fitted() -> None:
    select, epoll = check_law_expectations(["exponent of cpu_per_request over load.idle <= 1"], LAWS)
    assert (select.met, select.measured) == (True, "0.90 (95 %: 0.80 to 1.00)")
    assert (epoll.met, epoll.measured) == (False, "nothing (no exponent fitted)")


@pytest.mark.parametrize(
    "entry",
    [
        ConditionalExpectation(expect=f"{SLOPE} < 1ns", where={"target.server": "poll"}),
        "slope of cost_ns over load.idle < 1ns",
        "slope of cpu_per_request over load.connections < 1ns",
    ],
)
def test_an_expectation_without_its_law_is_not_met(entry: str | ConditionalExpectation) -> None:
    (checked,) = check_law_expectations([entry], LAWS)
    assert (checked.met, checked.measured) == (False, "nothing (no law could be fitted)")


def test_a_trial_is_not_checked_for_laws() -> None:
    assert check_expectations([f"{SLOPE} < 1ns"], RESULT) == []
