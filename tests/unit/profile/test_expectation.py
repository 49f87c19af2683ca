"""Expectations as text: each metric's bound is read in the metric's own unit."""

import pytest

from loadlab.profile.expectation import Kind, parse_expectation


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
    ],
)
def test_parse(text: str, metric: str, comparison: str, bound: float) -> None:
    parsed = parse_expectation(text)
    assert (parsed.metric, parsed.comparison, parsed.bound) == (metric, comparison, bound)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "is not an expectation; write it like: response_ns.p99 <= 50ms"),
        ("failures", "is not an expectation"),
        ("failures = 0", "is not an expectation"),
        ("failures == ", "is not an expectation"),
        ("failures == none", "is not a count"),
        ("response_ns.p99 <= 50", "has no unit; write 50s or 50ms"),
        ("target.rss_bytes < 5", "has no unit; write 5B or 5KiB"),
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
    assert tuple(parse_expectation(f"failures {comparison} 5").met_by(value) for value in values) == met
    assert tuple(not parse_expectation(f"failures {opposite} 5").met_by(value) for value in values) == met


def test_a_measured_value_is_formatted_in_its_unit() -> None:
    assert Kind.of("response_ns.p99").format(1_234_000) == "1.23 ms"
    assert Kind.of("target.rss_bytes").format(2 << 20) == "2 MiB"
    assert Kind.of("requests_per_second").format(19_000) == "19k"
