"""Entries of `expect` against the profile that they stand in: what is accepted, and each mistake at its own place."""

from functools import partial
from pathlib import Path

import pytest

from loadlab.profile import plan_trials
from loadlab.profile.schema import LoadProfile
from loadlab.profile.validation.expect import metric_mistakes

from ..reading import find_mistakes, read_profile

HEAD = """\
name: x
target: {server: epoll}
load: {connections: 16, duration: 1m}
sweep:
  target.server: [select, epoll]
  load.idle: [0, 1k, 5k, 19k]
plot: {x: load.idle, series: target.server}
expect:
"""
METRICS = {
    "response_ns.p99",
    "failures",
    "failed_checks",
    "kinds.NAME.response_ns.p99",
    "steps.NAME.response_ns.p99",
    "steps.NAME.requests",
    "iterations.requests_per_second",
    "checks.NAME.failed",
}
LAW = "slope of cpu_per_request over load.idle < 1ns"


load = partial(read_profile, metrics=METRICS)
mistakes = partial(find_mistakes, metrics=METRICS)


@pytest.mark.parametrize(
    "entry",
    [
        "p99 < 20ms",
        "{expect: p99 < 20ms, where: {target.server: epoll, load.idle: '> 1000'}}",
        "{expect: errors == 0, where: {load.idle: [1000, 19k], target.server: '!= select'}}",
        "{expect: errors == 0, where: {load.duration: 60s}}",
        "{expect: errors == 0, where: {load.warmup: 1s, load.timeout: '>= 1s'}}",
        "{expect: errors == 0, where: {placement: auto}}",
        LAW,
        f"{{expect: {LAW}, where: {{target.server: epoll}}}}",
        "exponent of cpu_per_request over load.idle < 1.1",
    ],
)
def test_is_accepted_and_stays_what_it_is_in_run_json(tmp_path: Path, entry: str) -> None:
    profile = load(tmp_path, HEAD + f"  - {entry}\n")
    dumped = profile.model_dump(mode="json", by_alias=True)
    assert LoadProfile.model_validate(dumped) == profile
    assert plan_trials(profile, 1)[0].profile.expect == profile.expect


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        (
            "{expect: p99 < 20ms, where: {load.idle: '> 50k'}}",
            "9:45: expect.where.load.idle: '> 50k' matches no trial; the trials have 0, 1000, 5000, 19000",
        ),
        (
            "{expect: p99 < 20ms, where: {target.server: [epoll, selct]}}",
            "9:57: expect.where.target.server: 'selct' matches no trial; the trials have 'select', 'epoll'",
        ),
        (
            "{expect: p99 < 20ms, where: {load.idel: 0}}",
            "9:34: expect.where.load.idel: no such path in the profile; did you mean 'load.idle'?",
        ),
        (
            "{expect: p99 < 20ms, where: {target.pool: 4}}",
            "9:34: expect.where.target.pool: has no value in this profile; set or sweep it",
        ),
        ("{expect: p99 < 20ms, where: {}}", "9:33: expect.where: must not be empty"),
        (
            "{expect: p99 < 20ms, where: [a]}",
            "9:33: expect.where: must be a mapping of paths to values, such as {load.idle: 1000}, not a list",
        ),
        ("{expect: p99 < 20ms}", "9:5: expect.where: missing; this key is required"),
        (
            "{expect: p99 < 20ms, wher: {load.idle: 0}, where: {load.idle: 0}}",
            "9:26: expect.wher: unknown key; did you mean 'where'?",
        ),
        ("{expect: p99 < 20, where: {load.idle: 0}}", "9:14: expect.expect: '20' has no unit; write 20s or 20ms"),
        (
            "{expect: fail == 0, where: {load.idle: 0}}",
            "9:14: expect.expect: there is no metric 'fail'; did you mean 'failures'?",
        ),
        (
            "latency < 20ms",
            "9:5: expect: there is no metric 'latency'; short names are p50, p90, p99, p99.9, errors, throughput and "
            "cpu_per_request",
        ),
        ("error == 0", "9:5: expect: there is no metric 'error'; did you mean 'errors'?"),
        (
            "slope of p99 over load.idle < 1ns",
            "9:5: expect: laws are fitted to cpu_per_request only, not to 'response_ns.p99'",
        ),
        (
            "slope of cpu_per_request over load.connections < 1ns",
            "9:5: expect: laws are fitted over plot.x, which is load.idle, not load.connections",
        ),
        (
            f"{{expect: {LAW}, where: {{load.idle: 0}}}}",
            "9:69: expect.where.load.idle: has several values in each law, as the slope is over it; remove it",
        ),
    ],
)
def test_mistakes(tmp_path: Path, entry: str, mistake: str) -> None:
    assert mistakes(tmp_path, HEAD + f"  - {entry}\n") == [f"x.yaml:{mistake}"]


def test_a_law_needs_values_to_be_fitted_over(tmp_path: Path) -> None:
    reported = mistakes(tmp_path, HEAD + f"  - {LAW}\n", "load.idle=[0,10k]")
    assert reported == ["x.yaml:9:5: expect: a slope needs at least three values of load.idle; the profile has 2"]
    text = HEAD + "  - exponent of cpu_per_request over load.idle < 1.1\n"
    assert "an exponent needs at least three positive values" in mistakes(tmp_path, text, "load.idle=[0,1k,10k]")[0]


def test_a_law_needs_a_plot(tmp_path: Path) -> None:
    text = HEAD.replace("plot: {x: load.idle, series: target.server}\n", "") + f"  - {LAW}\n"
    assert "laws are fitted over plot.x, which is not set; set plot: {x: load.idle}" in mistakes(tmp_path, text)[0]


def test_without_a_network_the_law_is_of_the_cost(tmp_path: Path) -> None:
    text = (
        "{name: x, kind: wait-cost, wait: {method: epoll, descriptors: 1}, plot: {x: wait.descriptors},\n"
        " sweep: {wait.descriptors: [1, 10, 100]}, expect: [slope of %s over wait.descriptors < 1ns]}\n"
    )
    assert load(tmp_path, text % "cost_ns").law_metric == "cost_ns"
    assert "laws are fitted to cost_ns only" in mistakes(tmp_path, text % "cpu_per_request")[0]


def mistakes_of_a_scenario(metric: str) -> list[str]:
    data = {"load": {"scenario": "shop.py:checkout"}, "expect": [f"{metric} >= 1"]}
    return [mistake.what for mistake in metric_mistakes(LoadProfile, data, METRICS)]


@pytest.mark.parametrize(
    "metric",
    [
        "response_ns.count",
        "steps.log in.requests",
        "kinds.GET /items/{id}.response_ns.p99",
        "iterations.throughput",
        "checks.status == 201.failed",
        "failed_checks",
    ],
)
def test_names_in_a_scenario_are_free(metric: str) -> None:
    metrics = METRICS | {"response_ns.count"}
    data = {"load": {"scenario": "shop.py:checkout"}, "plot": {"x": "load.idle", "y": metric}}
    assert [*metric_mistakes(LoadProfile, data, metrics)] == []


@pytest.mark.parametrize(
    ("metric", "mistake"),
    [
        ("steps.log in.reqests", "'steps.log in.reqests' ends with no figure of a step; did you mean 'requests'?"),
        (
            "steps.browse.speed",
            "'steps.browse.speed' ends with no figure of a step; there are requests, response_ns.p99",
        ),
        ("iterations.rate", "'iterations.rate' ends with no figure of the iterations; there are requests_per_second"),
        ("checks.paid.fail", "'checks.paid.fail' ends with no figure of a check; did you mean 'failed'?"),
        ("response_n.p99", "there is no metric 'response_n.p99'; did you mean 'response_ns.p99'?"),
    ],
)
def test_figures_in_a_scenario_are_not(metric: str, mistake: str) -> None:
    assert mistakes_of_a_scenario(metric) == [mistake]


@pytest.mark.parametrize("metric", ["steps.a.requests", "iterations.throughput", "failed_checks"])
def test_other_loads_have_no_figures_of_scenarios(tmp_path: Path, metric: str) -> None:
    (mistake,) = mistakes(tmp_path, HEAD + f"  - {metric} >= 1\n")
    assert mistake.endswith("is a figure of scenarios, and this load has none (load.scenario)")
