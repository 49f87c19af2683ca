import json
from typing import Any

import pytest

from loadlab.recording.histogram import Histogram
from loadlab.report.measures import NUMBER, TIME, Quantity
from loadlab.report.sections.why.distributions import (
    Bin,
    Distribution,
    DistributionPanel,
    distributions_of,
    draw_distributions,
)
from loadlab.report.sections.why.ends import End, ProbedLine
from loadlab.results.probe_data import Buckets, CallCount, EventsPerWait, Probes, SyscallProfile, SyscallsProbe
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Verdict

CALLS = {"write": [(2047, 10)], "futex": [(1023, 5)], "brk": [(1023, 1)], "close": [(511, 1)]}


def end(name: str, *, wait: Buckets, events: Buckets) -> End:
    calls = [
        CallCount(name=call, calls=1, time_ns=sum(bound * count for bound, count in buckets), latency_ns=buckets)
        for call, buckets in {**CALLS, "poll": wait}.items()
    ]
    waits = [EventsPerWait(name="poll", calls=4, events=9, histogram=events)]
    profile = SyscallProfile(backend="bpftrace", window_ns=1, calls=calls, waits=waits)
    probes = Probes(syscalls=SyscallsProbe(target=profile))
    trial = TrialResult(id=name, repeat=1, factors={}, state="done", verdict=Verdict(state="valid"), probes=probes)
    return End(trial, name, f"{name} idle connections")


def latencies(trial_id: str) -> dict[str, Histogram]:
    """At the far end ten times as long."""
    histogram = Histogram()
    histogram.fold([100_000 * (10 if trial_id == "9" else 1)] * 30)
    return {"response": histogram}


@pytest.fixture
def panels() -> dict[str, DistributionPanel]:
    line = ProbedLine(
        "poll",
        before=end("0", wait=[(8191, 3), (32767, 1)], events=[(0, 1), (3, 3)]),
        after=end("9", wait=[(8388607, 4)], events=[(3, 4)]),
    )
    return {panel.title: panel for panel in distributions_of(line, latencies)}


def test_response_times_events_and_the_most_costly_calls_with_the_wait_first(
    panels: dict[str, DistributionPanel],
) -> None:
    assert [*panels] == [
        "Response time", "Events returned by a waiting call", "Time in poll", "Time in write", "Time in futex",
    ]  # fmt: skip
    assert all([one.end for one in panel.distributions] == [0, 1] for panel in panels.values())


def test_buckets_are_bins_without_a_gap_and_shares_of_one(panels: dict[str, DistributionPanel]) -> None:
    before, after = panels["Time in poll"].distributions
    assert [(each.low, each.high, each.share) for each in before.bins] == [
        (4096, 8192, 0.75),
        (8192, 16384, 0.0),
        (16384, 32768, 0.25),
    ]
    assert [(each.low, each.share) for each in after.bins] == [(4194304, 1.0)]


def test_waits_that_returned_nothing_have_a_bin_below_one(panels: dict[str, DistributionPanel]) -> None:
    before, _ = panels["Events returned by a waiting call"].distributions
    assert [(each.low, each.high, each.share) for each in before.bins] == [(0.5, 1, 0.25), (1, 2, 0.0), (2, 4, 0.75)]


def test_response_times_have_finer_bins(panels: dict[str, DistributionPanel]) -> None:
    before, after = panels["Response time"].distributions
    [only] = before.bins
    assert only.low <= 100_000 < only.high
    assert only.high / only.low == pytest.approx(2**0.25)
    assert only.share == 1.0
    assert after.bins[0].low <= 1_000_000 < after.bins[0].high


def test_what_no_tracer_timed_has_no_panel() -> None:
    line = ProbedLine("poll", before=None, after=end("0", wait=[], events=[]))
    calls = [CallCount(name="write", calls=9)]
    profile = SyscallProfile(backend="perf", window_ns=1, calls=calls)
    probes = Probes(syscalls=SyscallsProbe(target=profile))
    counted = End(line.after.trial.model_copy(update={"probes": probes}), "", "")
    assert distributions_of(ProbedLine("poll", None, counted), lambda _: {}) == ()


def drawn_panel(title: str, quantity: Quantity, *bins: tuple[float, float, float]) -> DistributionPanel:
    """With the same values at both ends of x."""
    found = tuple(Bin(low, high, share) for low, high, share in bins)
    return DistributionPanel(title, quantity, "calls", (Distribution(0, found), Distribution(1, found)))


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, Any]]:
    """Two times and a number of events, as the page's script will see them."""
    panels = [
        drawn_panel("Time in poll", TIME, (4096, 8192, 0.75), (8192, 16384, 0.0), (16384, 32768, 0.25)),
        drawn_panel("Events", NUMBER, (0.5, 1, 0.25), (1, 2, 0.0), (2, 4, 0.75)),
        drawn_panel("Time in write", TIME, (1 << 20, 1 << 21, 1.0)),
    ]
    return [json.loads(figure.to_json()) for figure in draw_distributions(panels)]


def test_times_are_drawn_on_one_axis_and_events_on_their_own(drawn: list[dict[str, Any]]) -> None:
    poll, events, write = (figure["layout"]["xaxis"] for figure in drawn)
    assert poll == write
    assert len(poll["ticktext"]) <= 4
    assert events["ticktext"] == ["0", "1", "2"]


def test_a_distribution_is_steps_that_begin_and_end_on_the_ground(drawn: list[dict[str, Any]]) -> None:
    before, after = drawn[0]["data"]
    assert before["x"] == [4096, 4096, 8192, 8192, 16384, 16384, 32768, 32768]
    assert before["y"] == [0, 0.75, 0.75, 0, 0, 0.25, 0.25, 0]
    assert (before["meta"]["line"], after["meta"]["line"]) == (0, 1)


def test_a_step_tells_its_share_and_its_bin(drawn: list[dict[str, Any]]) -> None:
    poll, events, _ = (figure["data"][0]["hovertext"] for figure in drawn)
    assert poll[1] == "75\N{NO-BREAK SPACE}% of the calls<br>took 4.1 µs to 8.19 µs"
    assert events[1] == "25\N{NO-BREAK SPACE}% of the calls<br>returned none"
    assert events[5] == "75\N{NO-BREAK SPACE}% of the calls<br>returned 2 to 3"
