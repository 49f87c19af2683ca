"""What a profiler cost a trial, from the two results."""

import pytest

from loadlab.experiment.passes import new_defects, slowdown_of
from loadlab.results.model import Finding, LoadModel, TrialResult, Verdict
from loadlab.results.probe_data import ProcessUsage

FAILURES = Finding(code="failures", severity="invalid", text="Requests failed.", evidence="7 of 90", advice="")
CLIENT_BOUND = Finding(code="client_bound", severity="suspect", text="", evidence="", advice="")


def result(
    requests: int, cpu_ns_per_request: int, model: LoadModel = "closed", findings: tuple[Finding, ...] = ()
) -> TrialResult:
    usage = ProcessUsage(
        processes=1,
        threads=1,
        rss_bytes=0,
        cpu_user_ns=requests * cpu_ns_per_request,
        cpu_system_ns=0,
        context_switches=0,
        window_ns=1_000_000_000,
    )
    return TrialResult(
        id="001",
        repeat=1,
        factors={},
        state="done",
        verdict=Verdict(state="valid", findings=list(findings)),
        window_ns=1_000_000_000,
        requests=requests,
        requests_per_second=float(requests),
        load_model=model,
        target=usage,
    )


def test_a_full_target_tells_by_its_throughput() -> None:
    assert slowdown_of(result(1000, 900), result(800, 1000)) == pytest.approx(0.2)


def test_an_open_load_tells_by_the_cpu_time_of_a_request() -> None:
    assert slowdown_of(result(1000, 300, "open"), result(1000, 400, "open")) == pytest.approx(0.25)


@pytest.mark.parametrize("bound", ["first", "second"])
def test_a_client_that_was_the_bottleneck_is_not_the_targets_loss(bound: str) -> None:
    first, second = ((CLIENT_BOUND,) if bound == which else () for which in ("first", "second"))
    slowdown = slowdown_of(result(1000, 300, findings=first), result(500, 400, findings=second))
    assert slowdown == pytest.approx(0.25)


def test_without_a_second_pass_or_requests_it_is_not_known() -> None:
    assert slowdown_of(result(1000, 300), None) is None
    assert slowdown_of(result(0, 300), result(10, 300)) is None


def test_what_only_the_profiled_pass_suffered_from_is_told() -> None:
    failing = result(90, 300, findings=(FAILURES, CLIENT_BOUND))
    assert new_defects(result(100, 300), failing) == [
        "the pass under the profiler was invalid: Requests failed. (7 of 90)"
    ]
    assert new_defects(failing, failing) == []
