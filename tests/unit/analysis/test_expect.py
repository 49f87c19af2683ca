"""Expectations against a trial: where each metric is found, and what counts as met."""

import pytest

from loadlab.analysis.expect import check_expectations
from loadlab.analysis.metrics import metric_names
from loadlab.results.model import Expectation, LatencySummary, TrialResult, Verdict

RESULT = TrialResult(
    id="001",
    repeat=1,
    factors={},
    state="done",
    verdict=Verdict(state="valid"),
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
        ("target.rss_bytes < 1GiB", False, "not measured"),
        ("response_ns.max < 1h", False, "not measured"),
    ],
)
def test_check(text: str, met: bool, measured: str) -> None:
    assert check_expectations([text], RESULT) == [Expectation(text=text, met=met, measured=measured)]


def test_an_unknown_metric_is_told_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no metric is called 'respons_ns.p99'; did you mean 'response_ns.p99'\?"):
        check_expectations(["respons_ns.p99 < 1ms"], RESULT)


def test_metrics_are_the_figures_of_a_trial() -> None:
    names = set(metric_names())
    assert {"requests", "requests_per_second", "response_ns.p99.9", "idle.alive", "failures"} <= names
    assert {"target.cpu_user_ns_per_request", "client.rss_bytes", "outcomes.too_large"} <= names
    assert not {"id", "repeat", "state", "factors", "reason", "intervals", "outcomes", "response_ns"} & names


@pytest.mark.parametrize("metric", sorted(metric_names()))
def test_every_metric_can_be_looked_up(metric: str) -> None:
    (checked,) = check_expectations([f"{metric} >= 0"], RESULT)
    assert checked.met or checked.measured == "not measured"
