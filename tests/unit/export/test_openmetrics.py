"""The text, read by the parsers of prometheus_client: that of OpenMetrics, and that of the older format."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_older

from loadlab.export.openmetrics import format_openmetrics
from loadlab.results.paired import Difference, PairedComparison, Variant
from loadlab.results.requests import CheckResult
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation
from tests.cluster_runs import write_cluster
from tests.sample_run import sample_document
from tests.stream_runs import write_broadcast
from tests.trials import make_kind, make_trial
from tests.unit.analysis.comparison.runs import make_rate, make_run

Parse = Callable[[str], Iterator[Metric]]
Labels = dict[str, str]


def samples_of(document: RunDocument, name: str, parse: Parse = parse_openmetrics) -> list[tuple[Labels, float]]:
    families = parse(format_openmetrics(document))
    return [(dict(each.labels), each.value) for family in families for each in family.samples if each.name == name]


@pytest.mark.parametrize("parse", [parse_openmetrics, parse_older], ids=["OpenMetrics", "the older format"])
def test_throughput_has_the_settings_as_labels(parse: Parse) -> None:
    document = sample_document()
    samples = samples_of(document, "loadlab_requests_per_second", parse)
    (trial,) = [trial for trial in document.trials if trial.factors == {"target.server": "epoll", "load.idle": 0}]
    labels = {"profile": "select-vs-epoll", "target_server": "epoll", "load_idle": "0"}
    assert (labels, trial.requests_per_second) in samples
    assert len(samples) == 12  # not possible, failed and invalid ones have none


def test_times_are_seconds_by_percentile_with_their_intervals() -> None:
    document = make_run([make_rate(50_000, confidence={"response_ns.p50": (190_000, 210_000)})])
    of_p50 = {"profile": "mine", "percentile": "p50"}
    for suffix, expected in (("", 200e-6), ("_low", 190e-6), ("_high", 210e-6)):
        labels, value = samples_of(document, f"loadlab_response_time_seconds{suffix}")[0]
        assert labels == of_p50
        assert value == pytest.approx(expected)


def test_the_verdict_is_one_of_three() -> None:
    found = samples_of(make_run([make_rate(1.0, verdict="suspect")]), "loadlab_trial_verdict")
    assert {labels["verdict"]: value for labels, value in found} == {"valid": 0, "suspect": 1, "invalid": 0}


def test_expectations_of_trials_and_laws() -> None:
    def expected(text: str, met: bool, series: str = "") -> Expectation:
        return Expectation(text=text, met=met, measured="", series=series)

    trial = make_rate(1.0, expectations=[expected("p99 < 1s", True)])
    document = make_run([trial], expectations=[expected("slope < 1ns", False, "epoll")])
    assert samples_of(document, "loadlab_expectation_met") == [
        ({"profile": "mine", "expectation": "p99 < 1s"}, 1.0),
        ({"profile": "mine", "series": "epoll", "expectation": "slope < 1ns"}, 0.0),
    ]


def test_repeats_are_series_of_their_own_and_numbers_of_trials_are_no_labels() -> None:
    document = make_run([make_rate(1.0, number) for number in (1, 2)])
    found = samples_of(document, "loadlab_requests_per_second")
    assert [labels for labels, _ in found] == [{"profile": "mine", "repeat": "1"}, {"profile": "mine", "repeat": "2"}]


@pytest.mark.parametrize("value", ['say "hi"', "back\\slash", "two\nlines", "naïve ✓", ""])
def test_labels_hold_any_text(value: str) -> None:
    document = make_run([make_rate(1.0, factors={"target.env.X": value})])
    ((labels, _),) = samples_of(document, "loadlab_requests_per_second")
    assert labels["target_env_X"] == value


def test_paths_that_would_have_one_label_have_two() -> None:
    factors: dict[str, Any] = {"target.env.A_B": 1, "target.env.A-B": 2}
    ((labels, _),) = samples_of(make_run([make_rate(1.0, factors=factors)]), "loadlab_requests_per_second")
    assert (labels["target_env_A_B"], labels["target_env_A_B_2"]) == ("1", "2")


def test_a_setting_that_is_called_like_a_label_of_ours_is_kept_apart() -> None:
    document = make_run([make_rate(1.0, factors={"profile": 1, "percentile": 2})])
    ((labels, _),) = samples_of(document, "loadlab_requests_per_second")
    assert labels["profile"] == "mine"


def test_a_comparison_in_the_same_seconds_has_its_differences() -> None:
    variant = Variant(label="one", profile={})
    found = Difference(metric="requests_per_second", a=1.0, b=1.1, change=0.1, interval=(0.08, 0.12))
    unknown = Difference(metric="response_ns.p99")
    comparison = PairedComparison(
        a=variant, b=variant, on="requests_per_second", within=0.02, at_most_ns=1, slice_ns=1, ended="within",
        differences=[found, unknown],
    )  # fmt: skip
    document = make_run([make_rate(1.0)], ab=comparison)
    labels = {"profile": "mine", "metric": "requests_per_second"}
    assert samples_of(document, "loadlab_change_ratio") == [(labels, 0.1)]
    assert samples_of(document, "loadlab_change_ratio_low") == [(labels, 0.08)]
    assert samples_of(document, "loadlab_change_ratio_high") == [(labels, 0.12)]


def test_the_time_of_a_run_is_its_start() -> None:
    name = "loadlab_run_start_timestamp_seconds"
    assert samples_of(make_run([]), name) == [({"profile": "mine"}, 1_791_997_501.0)]
    assert samples_of(make_run([], started="yesterday"), name) == []


def test_microbenchmarks_have_their_cost() -> None:
    document = make_run([make_trial(cost_ns=41.5)], {"name": "wait", "kind": "wait-cost"})
    ((labels, value),) = samples_of(document, "loadlab_cost_seconds")
    assert labels == {"profile": "wait"}
    assert value == pytest.approx(41.5e-9)


def test_a_run_without_trials_is_valid_text() -> None:
    assert format_openmetrics(make_run([])).endswith("# EOF\n")


def test_events_have_gauges_of_their_own(tmp_path: Path) -> None:
    document = write_broadcast(tmp_path).read_document()
    [delay] = [
        value
        for labels, value in samples_of(document, "loadlab_delivery_delay_seconds")
        if labels["target_server"] == "node" and labels["load_connections"] == "15000" and labels["percentile"] == "p99"
    ]
    assert delay == pytest.approx((document.trials[-1].delay_ns.p99 or 0) / 1e9)
    assert len(samples_of(document, "loadlab_received_bytes")) == 8
    assert samples_of(sample_document(), "loadlab_received_bytes") == []


@pytest.mark.parametrize("parse", [parse_openmetrics, parse_older], ids=["OpenMetrics", "the older format"])
def test_what_a_scenario_names_are_labels(parse: Parse) -> None:
    kinds = [
        make_kind('GET /a?b="c"', outcomes={"ok": 1000, "timeout": 4}),
        make_kind("log in", "step"),
        make_kind("checkout", "iteration", outcomes={"ok": 1000, "script_error": 2}),
    ]
    confidence = {"steps.log in.response_ns.p50": (900_000, 1_100_000)}
    checks = [CheckResult(name="paid", passed=9, failed=1)]
    document = make_run([make_rate(1.0, kinds=kinds, checks=checks, confidence=confidence)])
    profile = {"profile": "mine"}
    assert samples_of(document, "loadlab_iterations_per_second", parse) == [(profile, 100.0)]
    assert samples_of(document, "loadlab_iterations", parse) == [
        (profile | {"outcome": "ok"}, 1000.0),
        (profile | {"outcome": "script_error"}, 2.0),
    ]
    assert samples_of(document, "loadlab_requests_failed_by_name", parse) == [
        (profile | {"request": 'GET /a?b="c"'}, 4.0)
    ]
    of_p50 = profile | {"step": "log in", "percentile": "p50"}
    for suffix, seconds in (("", 0.001), ("_low", 0.0009), ("_high", 0.0011)):
        labels, value = samples_of(document, f"loadlab_step_time_seconds{suffix}", parse)[0]
        assert labels == of_p50
        assert value == pytest.approx(seconds)
    assert samples_of(document, "loadlab_checks", parse) == [
        (profile | {"check": "paid", "result": "passed"}, 9.0),
        (profile | {"check": "paid", "result": "failed"}, 1.0),
    ]


def test_machines_of_a_cluster_have_gauges_of_their_own(tmp_path: Path) -> None:
    document = write_cluster(tmp_path).read_document()
    rates = samples_of(document, "loadlab_machine_requests_per_second")
    assert [(labels["machine"], value) for labels, value in rates] == [
        ("node1", 1200.0), ("node2", 900.0), ("node3", 600.0),
    ]  # fmt: skip
    bounds = samples_of(document, "loadlab_machine_clock_bound_seconds")
    assert [round(value, 9) for _, value in bounds] == [0.0, 0.00018, 0.0014]
    suspect = [labels["machine"] for labels, value in samples_of(document, "loadlab_machine_verdict")
               if value and labels["verdict"] == "suspect"]  # fmt: skip
    assert suspect == ["node3"]
    times = samples_of(document, "loadlab_machine_response_time_seconds")
    assert {labels["percentile"] for labels, _ in times} == {"p50", "p99"}
