from typing import Any

import pytest

from loadlab.report.load_model import describe_calibration, describe_load, describe_models, model_suffix, models_of
from loadlab.results.requests import LatencySummary
from loadlab.results.run import Calibration, RunDocument
from loadlab.results.trial import LoadModel


@pytest.mark.parametrize(
    ("load", "sweep", "models", "facts"),
    [
        ({"connections": 16}, {}, ("closed",), ["closed model: 16 users"]),
        ({"connections": 1}, {}, ("closed",), ["closed model: 1 user"]),
        (
            {"connections": 16, "think": "10ms", "think_times": "exponential"},
            {},
            ("closed",),
            ["closed model: 16 users, think time 10ms (exponential)"],
        ),
        ({"connections": 16}, {"load.connections": [4, 16]}, ("closed",), ["closed model: swept users"]),
        ({"connections": 16}, {"load.think": ["0s"]}, ("closed",), ["closed model: 16 users, swept think time"]),
        ({"rate": 20_000, "arrivals": "poisson"}, {}, ("open",), ["open model: 20,000 requests/s, Poisson arrivals"]),
        ({"rate": 20_000}, {"load.rate": [1]}, ("open",), ["open model: swept rate, constant arrivals"]),
        (
            {"rate": [{"for": "10s", "from": 1000, "to": 20_000}, {"for": "5s", "from": 20_000, "to": 0}]},
            {"load.arrivals": ["constant", "poisson"]},
            ("open",),
            ["open model: 0 to 20,000 requests/s, swept arrivals"],
        ),
        ({}, {}, (), []),
    ],
)
def test_the_load_in_a_few_words(
    load: dict[str, Any], sweep: dict[str, Any], models: tuple[LoadModel, ...], facts: list[str]
) -> None:
    assert [*describe_load({"load": load, "sweep": sweep}, models)] == facts


def test_a_title_names_the_model_where_there_is_one(open_load: RunDocument, wait_cost: RunDocument) -> None:
    assert model_suffix(models_of(open_load.trials)) == ", open model"
    assert model_suffix(models_of(wait_cost.trials)) == ""
    assert model_suffix(("closed", "open")) == ""


def test_each_model_has_its_sentence() -> None:
    closed, of_open = describe_models({"load": {"rate": 100}}, ("open", "closed"))
    assert "the latencies suffer from coordinated omission" in closed
    assert "by a schedule (constant arrivals)" in of_open
    assert [*describe_models({}, ())] == []


LATE = LatencySummary(p50=1_290, p99=4_870, count=2_004)
ADDED = LatencySummary(p50=4_800, p99=9_500, count=2_004)


def test_how_late_and_how_much_is_added() -> None:
    calibration = Calibration(requests_per_second=4_000, connections=16, lateness_ns=LATE, client_ns=ADDED)
    assert describe_calibration(calibration).startswith(
        "Before the run, at 4,000 requests/s over 16 connections to a bundled server, requests were sent 1.29 µs (p50) "
        "and 4.87 µs (p99) late, and the client added 4.8 µs (p50) and 9.5 µs (p99) to response times"
    )


def test_a_percentile_with_too_few_samples_is_not_stated() -> None:
    few = ADDED.model_copy(update={"count": 900})
    nothing = LatencySummary()
    text = describe_calibration(Calibration(requests_per_second=1, connections=1, lateness_ns=nothing, client_ns=few))
    assert "were sent an unknown time late, and the client added 4.8 µs (p50) to response times" in text


def test_a_run_without_calibration_states_nothing() -> None:
    assert describe_calibration(None) == ""


def test_of_a_scenario_a_rate_counts_iterations() -> None:
    load = {"scenario": "shop.py:checkout", "rate": 200, "connections": 50}
    assert [*describe_load({"load": load}, ("open",))] == [
        "scenario: shop.py:checkout",
        "open model: 200 iterations/s, constant arrivals",
    ]
    swept = {"load.scenario": ["shop.py:checkout", "shop.py:look"]}
    assert [*describe_load({"load": load, "sweep": swept}, ("closed",))] == [
        "scenario: swept",
        "closed model: 50 users",
    ]
    closed, of_open = describe_models({"load": load}, ("closed", "open"))
    assert closed.startswith("Closed model: each user begins its next iteration when the last one has ended.")
    assert of_open.startswith("Open model: iterations are due by a schedule (constant arrivals)")
