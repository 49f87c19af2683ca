"""Whether the window was long enough for what it measured: on made-up loads whose true response times are known."""

import random

import pytest

from loadlab.analysis.summary import summarise_latency
from loadlab.analysis.verdict import WindowEvidence
from loadlab.analysis.verdict.duration import window_too_short
from loadlab.recording.histogram import Histogram
from loadlab.results.verdict import Finding

from ....trials import make_trial

MS = 1_000_000
SECOND = 1_000 * MS


def judged(
    times_ns: list[int], ages_ns: list[int], users: int | None, window_ns: int, outcomes: dict[str, int] | None = None
) -> Finding | None:
    """What is found where these requests were answered in the window, and those in flight at its end."""
    response, in_flight = Histogram(), Histogram()
    response.fold(times_ns)
    in_flight.fold(ages_ns)
    result = make_trial(
        window_ns=window_ns,
        requests=len(times_ns),
        requests_per_second=len(times_ns) * SECOND / window_ns,
        load_model="closed" if users else "open",
        outcomes={"ok": len(times_ns), "cut": len(ages_ns), **(outcomes or {})},
        response_ns=summarise_latency(response, in_flight),
    )
    return window_too_short(result, WindowEvidence(asked_ns=window_ns, users=users, in_flight=in_flight))


def closed_load(
    users: int, warmup_ns: int, window_ns: int, times_ns: "random.Random", mean_ns: int, shape: float
) -> tuple[list[int], list[int]]:
    """Simulate users who send again at once; return the times that ended in the window, and the ages at its end."""
    ended, ages = [], []
    end_ns = warmup_ns + window_ns
    for _ in range(users):
        sent_ns = 0
        while True:
            time_ns = round(mean_ns / shape * times_ns.gammavariate(shape, 1))
            if sent_ns + time_ns >= end_ns:
                ages.append(end_ns - sent_ns)
                break
            sent_ns += time_ns
            if sent_ns >= warmup_ns:
                ended.append(time_ns)
    return ended, ages


def test_a_server_that_answers_a_third_of_the_users_makes_the_rest_invalid() -> None:
    # 1,000 users at a pool of 8 that takes 50 ms for each: 6.4 s for a response, of which a window of 2 s sees 1 to 3.
    times = [number * SECOND // 160 + SECOND // 2 for number in range(320)]
    found = judged(times, [2_500 * MS] * 1_000, 1_000, 2 * SECOND)
    assert found is not None
    assert (found.code, found.severity) == ("window_too_short", "invalid")
    assert found.evidence.startswith(
        "320 requests were answered within 2 s; 1,000 were still in flight, for up to 2.5 s"
    )
    assert "1,000 users at 160 requests/s mean 6.25 s for each (Little's law), not 1.5 s" in found.evidence
    assert "p50, p90 are too low and not shown" in found.evidence
    assert found.advice.startswith("Measure for at least 35 s")


@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0, 1_000_000.0])
@pytest.mark.parametrize("responses_in_window", [6, 20, 200])
def test_a_steady_load_raises_no_alarm_whatever_the_distribution(shape: float, responses_in_window: int) -> None:
    window_ns = 2 * SECOND
    mean_ns = window_ns // responses_in_window
    for seed in range(20):
        times, ages = closed_load(100, 10 * mean_ns, window_ns, random.Random(seed), mean_ns, shape)
        found = judged(times, ages, 100, window_ns)
        assert found is None, (seed, found)


def test_users_in_step_raise_no_alarm_where_the_window_holds_five_responses() -> None:
    # Of 5.9 response times that fit only 5 ends are seen: users / throughput is 18 % above the mean.
    assert judged([SECOND] * 500, [900 * MS] * 100, 100, 5_900 * MS) is None


def test_a_load_that_is_not_steady_yet_contradicts_littles_law() -> None:
    # All began half a second before the window, and wait 2 s in the end.
    times = [500 * MS + number * 15 * MS for number in range(100)]
    found = judged(times, [1_500 * MS] * 100, 100, 2 * SECOND)
    assert found is not None
    assert found.severity == "suspect"
    assert "mean 2 s for each (Little's law)" in found.evidence


def test_littles_law_is_not_asked_where_it_does_not_hold() -> None:
    times = [100 * MS] * 20
    assert judged(times, [], 100, 2 * SECOND) is not None
    assert judged(times, [], 100, 2 * SECOND, {"timeout": 1}) is None  # failed requests took unknown time
    assert judged(times, [], None, 2 * SECOND) is None  # users who pause, or a schedule


def test_slow_answers_of_an_open_load_that_never_end_in_the_window_are_missed() -> None:
    found = judged([MS] * 9_000, [SECOND] * 600, None, 2 * SECOND)
    assert found is not None
    assert found.severity == "suspect"
    assert "p90, p99 are too low and not shown" in found.evidence
    assert judged([MS] * 9_000, [10 * MS] * 4, None, 2 * SECOND) is None


def test_without_an_answer_there_is_nothing_to_judge() -> None:
    assert judged([], [SECOND] * 10, 10, SECOND) is None


def test_what_requests_in_flight_took_afterwards_is_evidence_and_decides_on_the_window() -> None:
    response, in_flight, later = Histogram(), Histogram(), Histogram()
    response.fold([SECOND] * 300)
    in_flight.fold([2 * SECOND] * 900)
    later.fold([*[5 * SECOND] * 800, *[7 * SECOND] * 90])
    result = make_trial(
        window_ns=2 * SECOND,
        requests=300,
        requests_per_second=150.0,
        load_model="closed",
        outcomes={"ok": 300, "cut": 900},
        response_ns=summarise_latency(response, in_flight),
        cut_response_ns=summarise_latency(later),
    )
    found = window_too_short(result, WindowEvidence(asked_ns=2 * SECOND, in_flight=in_flight))
    assert found is not None
    assert "890 of these were answered afterwards, and took 5 s in the median and at most 7 s" in found.evidence
    assert "at least 35 s" in found.advice
