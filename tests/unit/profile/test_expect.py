"""Expectations as text: each metric's bound is read in the metric's own unit."""

import pytest

from loadlab.profile.expect import Comparison, FigureExpectation, LawExpectation, parse_expectation
from loadlab.profile.metrics import Dimension


@pytest.mark.parametrize(
    ("text", "metric", "comparison", "bound"),
    [
        ("response_ns.p99 <= 50ms", "response_ns.p99", "<=", 50_000_000),
        ("response_ns.p99.9<1s", "response_ns.p99.9", "<", 1_000_000_000),
        ("response_ns.count > 10k", "response_ns.count", ">", 10_000),
        ("requests_per_second >= 10k", "requests_per_second", ">=", 10_000),
        ("failures == 0", "failures", "==", 0),
        ("outcomes.timeout != 1", "outcomes.timeout", "!=", 1),
        ("target.cpu_user_ns_per_request < 20us", "target.cpu_user_ns_per_request", "<", 20_000),
        ("target.rss_bytes < 2MiB", "target.rss_bytes", "<", 2_097_152),
        ("idle.holder_bytes_per_connection < 300B", "idle.holder_bytes_per_connection", "<", 300),
        ("target.context_switches_per_request < 0.5", "target.context_switches_per_request", "<", 0.5),
        ("kinds.slow-senders.response_ns.p99 < 1s", "kinds.slow-senders.response_ns.p99", "<", 1_000_000_000),
        ("kinds.nap_ns.requests > 5", "kinds.nap_ns.requests", ">", 5),
        ("cost_ns_min < 1us", "cost_ns_min", "<", 1_000),
        ("bytes_per_unit < 2KiB", "bytes_per_unit", "<", 2_048),
        ("p99 < 20ms", "response_ns.p99", "<", 20_000_000),
        ("p99.9 < 1s", "response_ns.p99.9", "<", 1_000_000_000),
        ("errors == 0", "failures", "==", 0),
        ("throughput > 10k", "requests_per_second", ">", 10_000),
        ("cpu_per_request < 30us", "target.cpu_ns_per_request", "<", 30_000),
        ("kinds.nap.p50 < 1s", "kinds.nap.response_ns.p50", "<", 1_000_000_000),
        ("kinds.GET /items/{id}.response_ns.p99 < 1s", "kinds.GET /items/{id}.response_ns.p99", "<", 1_000_000_000),
        ("kinds.GET /v1.2/p99.p99.9 < 1s", "kinds.GET /v1.2/p99.response_ns.p99.9", "<", 1_000_000_000),
        ("steps.pay > log in.requests > 5", "steps.pay > log in.requests", ">", 5),
        ("iterations.throughput >= 10k", "iterations.requests_per_second", ">=", 10_000),
        ("checks.status == 201.failed == 0", "checks.status == 201.failed", "==", 0),
        ("checks.bytes_ns < 5.passed > 1k", "checks.bytes_ns < 5.passed", ">", 1000),
        ("failed_checks <= 3", "failed_checks", "<=", 3),
    ],
)
def test_parse(text: str, metric: str, comparison: str, bound: float) -> None:
    parsed = parse_expectation(text)
    assert isinstance(parsed, FigureExpectation)
    assert (parsed.metric, parsed.comparison, parsed.bound) == (metric, comparison, bound)


@pytest.mark.parametrize(
    ("text", "term", "metric", "comparison", "bound"),
    [
        ("slope of cpu_per_request over load.idle < 1ns", "slope", "target.cpu_ns_per_request", "<", 1),
        (" slope  of cost_ns over load.idle>=-0.25 us ", "slope", "cost_ns", ">=", -250),
        ("slope of cost_ns over load.idle > 0", "slope", "cost_ns", ">", 0),
        ("slope of target.rss_bytes over load.idle < 2KiB", "slope", "target.rss_bytes", "<", 2048),
        ("exponent of cost_ns over load.idle <= 1.2", "exponent", "cost_ns", "<=", 1.2),
    ],
)
def test_parse_a_law(text: str, term: str, metric: str, comparison: str, bound: float) -> None:
    parsed = parse_expectation(text)
    assert isinstance(parsed, LawExpectation)
    assert (parsed.term, parsed.metric, parsed.over) == (term, metric, "load.idle")
    assert parsed.comparison == comparison
    assert parsed.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "is not an expectation; write it like: p99 <= 50ms"),
        ("failures", "is not an expectation"),
        ("failures = 0", "is not an expectation"),
        ("failures == ", "is not an expectation"),
        ("failures == none", "is not a number"),
        ("response_ns.p99 <= 50", "has no unit; write 50s or 50ms"),
        ("target.rss_bytes < 5", "has no unit; write 5B or 5KiB"),
        ("p95 < 1s", "p95 is not recorded; the percentiles are p50, p90, p99 and p99.9"),
        ("slope of cost_ns < 1ns", "is not an expectation; write it like: slope of cpu_per_request over load.idle < 1"),
        ("slope of cost_ns over load.idle < 0.5", "'0.5' has no unit; write 0.5ns"),
        ("slope of target.rss_bytes over load.idle < 1", "'1' has no unit; write 1B"),
        ("slope of cost_ns over load.idle < low", "'low' is not a bound on a slope; write it like 1 ns or -0.5 ns"),
        ("slope of cost_ns over load.idle < 1 day", "is not a duration"),
        ("slope of cost_ns over load.idle == 0", "a fitted slope is only known as an interval, so == cannot be"),
        ("exponent of cost_ns over load.idle != 1", "a fitted exponent is only known as an interval"),
    ],
)
def test_refuses(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse_expectation(text)


@pytest.mark.parametrize(
    ("comparison", "met"),
    [("<", (True, False, False)), ("<=", (True, True, False)), ("==", (False, True, False))],
)
def test_comparisons_and_their_opposites(comparison: str, met: tuple[bool, ...]) -> None:
    opposite = {"<": ">=", "<=": ">", "==": "!="}[comparison]
    values = (4, 5, 6)
    assert tuple(Comparison(comparison).holds(value, 5) for value in values) == met
    assert tuple(not Comparison(opposite).holds(value, 5) for value in values) == met


def test_a_measured_value_is_formatted_in_its_unit() -> None:
    assert Dimension.of("response_ns.p99").format(1_234_000) == "1.23 ms"
    assert Dimension.of("target.rss_bytes").format(2 << 20) == "2 MiB"
    assert Dimension.of("requests_per_second").format(19_000) == "19k"
