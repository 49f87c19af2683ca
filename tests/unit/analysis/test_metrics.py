"""Figures of a trial by name."""

import pytest

from loadlab.analysis.metrics import is_metric, measured
from loadlab.results.requests import KindResult, LatencySummary

from ...trials import make_trial, make_usage

LATENCY = LatencySummary(p50=1, p90=2, p99=3, p99_9=4, max=5, mean=1.5, count=10)
TRIAL = make_trial(
    requests=10,
    outcomes={"ok": 10, "reset": 2, "timeout": 3, "cut": 1},
    response_ns=LATENCY,
    target=make_usage(threads=2),
    kinds=[
        KindResult(
            name="nap",
            requests=4,
            requests_per_second=2.0,
            outcomes={"ok": 4},
            response_ns=LATENCY,
            service_ns=LATENCY,
        )
    ],
    bytes_per_unit=64.0,
)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("requests", 10),
        ("response_ns.p99", 3),
        ("response_ns.p99.9", 4),
        ("outcomes.reset", 2),
        ("outcomes.refused", 0),
        ("failures", 5),
        ("target.threads", 2),
        ("bytes_per_unit", 64),
        ("client.threads", None),
        ("cost_ns", None),
        ("kinds.nap.requests_per_second", 2),
        ("kinds.nap.response_ns.p99.9", 4),
        ("kinds.hello.response_ns.p99", None),
    ],
)
def test_a_metric_is_found_by_its_name(metric: str, value: float | None) -> None:
    assert is_metric(metric)
    assert measured(metric, TRIAL) == value


@pytest.mark.parametrize(
    "name",
    [
        "respons_ns.p99",
        "response_ns",
        "kinds.hello",
        "kinds.hello.p99",
        "kinds.response_ns.p99",
        "id",
        "repeat",
        "attempt",
        "at",
    ],
)
def test_what_is_no_metric_is_not_taken_for_one(name: str) -> None:
    assert not is_metric(name)
