"""Names of metrics, taken apart: whose figure it is, and which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile.metrics import full_name, more_is_better, split_metric


@pytest.mark.parametrize(
    ("metric", "parts"),
    [
        ("response_ns.p99.9", ("", "", "response_ns.p99.9")),
        ("kinds.hello.response_ns.p99.9", ("kinds", "hello", "response_ns.p99.9")),
        ("kinds.GET /v1.2/items.requests", ("kinds", "GET /v1.2/items", "requests")),
        ("steps.log in.outcomes.script_error", ("steps", "log in", "outcomes.script_error")),
        ("iterations.lateness_ns.p50", ("iterations", "", "lateness_ns.p50")),
        ("checks.status == 201.failed", ("checks", "status == 201", "failed")),
        ("checks.has failed.passed", ("checks", "has failed", "passed")),
        ("kinds.hello.nothing", ("kinds", "hello", "nothing")),
        ("kinds.hello", ("kinds", "hello", "")),
        ("iterations", ("", "", "iterations")),
    ],
)
def test_parts(metric: str, parts: tuple[str, str, str]) -> None:
    assert split_metric(metric) == parts


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("p99", "response_ns.p99"),
        ("steps.a.b.p99.9", "steps.a.b.response_ns.p99.9"),
        ("iterations.throughput", "iterations.requests_per_second"),
        ("kinds.a.errors", "kinds.a.failures"),
        ("checks.p99.failed", "checks.p99.failed"),
    ],
)
def test_short_names(short: str, full: str) -> None:
    assert full_name(short) == full


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(str.strip))
def test_a_name_of_any_kind_can_be_read_back_unless_a_figure_is_in_it(name: str) -> None:
    name = name.strip().replace(".", "/")
    assert split_metric(f"steps.{name}.response_ns.p99") == ("steps", name, "response_ns.p99")


def test_a_check_that_passes_is_good() -> None:
    assert more_is_better("checks.paid.passed")
    assert not more_is_better("checks.paid.failed")
