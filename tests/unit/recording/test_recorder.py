"""The recorder and what becomes of its snapshots: each time under its name, each request once."""

from random import Random

import pytest

from loadlab.recording.buckets import HIGHEST_NS
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.recording.recorder import EACH_INTERVAL, ONCE_A_WINDOW, FailureSample, Metric, Recorder, Snapshot, Totals

OF_EACH_REQUEST = {Metric.RESPONSE, Metric.SERVICE, Metric.LATENESS, Metric.WIRE, Metric.DISPATCH}


def absorbed(snapshot: Snapshot) -> dict[Metric, Histogram]:
    """Return the histograms that every request is in."""
    totals = Totals()
    totals.add(snapshot)
    return {metric: totals.histograms[metric] for metric in Metric if metric in OF_EACH_REQUEST}


def median_ns(histogram: Histogram) -> int:
    return histogram.values_at([50])[50]


def test_a_prompt_request_responds_within_its_service_time() -> None:
    recorder = Recorder()
    recorder.prompt.append(1_000)
    recorder.prompt_dispatch.append(100)
    histograms = absorbed(recorder.take(0, 1))
    assert {metric: median_ns(histogram) for metric, histogram in histograms.items()} == {
        Metric.RESPONSE: 1_000,
        Metric.SERVICE: 1_000,
        Metric.LATENESS: 0,
        Metric.WIRE: 900,
        Metric.DISPATCH: 100,
    }


def test_a_late_request_responds_after_lateness_and_service() -> None:
    recorder = Recorder()
    recorder.late += [300, 1_000, 100]
    histograms = absorbed(recorder.take(0, 1))
    assert {metric: median_ns(histogram) for metric, histogram in histograms.items()} == {
        Metric.RESPONSE: 1_300,
        Metric.SERVICE: 1_000,
        Metric.LATENESS: 300,
        Metric.WIRE: 900,
        Metric.DISPATCH: 100,
    }


@pytest.mark.parametrize("fold_between", [True, False])
def test_each_request_is_counted_once_in_every_metric(fold_between: bool) -> None:
    recorder = Recorder()
    for number in range(1, 501):
        recorder.prompt.append(number * 1_000)
        recorder.prompt_dispatch.append(number)
        if number % 5 == 0:
            recorder.late += [number, number * 2_000, number]
        if fold_between and number % 50 == 0:
            recorder.fold()
            assert (recorder.prompt, recorder.late, recorder.prompt_dispatch) == ([], [], [])
    snapshot = recorder.take(10, 20)
    assert (snapshot.start_ns, snapshot.end_ns, snapshot.out_of_range) == (10, 20, 0)
    assert snapshot.outcomes == {"ok": 600}
    assert [histogram.count for histogram in absorbed(snapshot).values()] == [600] * len(OF_EACH_REQUEST)


def test_the_parts_of_a_request_sum_to_its_response_time_whatever_the_batch_it_came_in() -> None:
    """An answer that was there before epoll was asked again has been ready for no time at all, not for less."""
    recorder = Recorder()
    recorder.late += [7, 1_000, 1_400]
    histograms = absorbed(recorder.take(0, 1))
    assert median_ns(histograms[Metric.DISPATCH]) == 1_000
    assert median_ns(histograms[Metric.WIRE]) == 0
    assert median_ns(histograms[Metric.RESPONSE]) == 1_007


def test_what_the_client_added_is_known_of_those_alone_that_were_looked_at() -> None:
    recorder = Recorder()
    recorder.prompt += [1_000, 2_000]
    recorder.prompt_dispatch += [1, 1]
    recorder.client.append(30)
    totals = Totals()
    totals.add(recorder.take(0, 1))
    assert totals.histograms[Metric.CLIENT].values_at([50]) == {50: 30}
    assert totals.histograms[Metric.CLIENT].count == 1


def test_a_second_snapshot_has_only_what_came_since_the_first() -> None:
    recorder = Recorder()
    recorder.prompt.append(1_000)
    recorder.prompt_dispatch.append(1)
    recorder.outcomes[Outcome.TIMEOUT] += 1
    recorder.take(0, 1)
    second = recorder.take(1, 2)
    assert second.outcomes == {"ok": 0}
    assert [histogram.count for histogram in absorbed(second).values()] == [0] * len(OF_EACH_REQUEST)
    recorder.prompt.append(2_000)
    recorder.prompt_dispatch.append(1)
    assert recorder.take(2, 3).outcomes == {"ok": 1}


def test_failures_are_counted_and_have_no_times() -> None:
    recorder = Recorder()
    recorder.outcomes[Outcome.TIMEOUT] += 2
    recorder.outcomes[Outcome.CUT] += 1
    snapshot = recorder.take(0, 1)
    assert snapshot.outcomes == {"ok": 0, "timeout": 2, "cut": 1}
    assert absorbed(snapshot)[Metric.RESPONSE].count == 0


def test_a_time_out_of_range_is_still_a_request_that_was_answered() -> None:
    recorder = Recorder()
    recorder.prompt += [1_000, HIGHEST_NS + 1]
    recorder.prompt_dispatch += [1, 1]
    snapshot = recorder.take(0, 1)
    assert snapshot.outcomes == {"ok": 2}
    assert snapshot.out_of_range > 0
    assert recorder.take(1, 2).out_of_range == 0


def test_totals_add_workers_and_intervals_up() -> None:
    totals = Totals()
    for worker in range(3):
        recorder = Recorder()
        for interval in range(4):
            recorder.prompt += [500 * (worker + 1)] * 10
            recorder.prompt_dispatch += [100] * 10
            recorder.outcomes[Outcome.RESET] += 1
            totals.add(recorder.take(interval, interval + 1))
    assert totals.outcomes == {"ok": 120, "reset": 12}
    service = totals.histograms[Metric.SERVICE]
    assert service.count == 120
    assert service.values_at([33, 66, 100]) == {33: 500, 66: 1_000, 100: 1_500}


def test_what_is_taken_each_interval_leaves_the_rest_for_the_end_of_the_window() -> None:
    recorder, totals = Recorder(), Totals()
    for interval in range(3):
        recorder.prompt += [1_000] * 4
        recorder.prompt_dispatch += [100] * 4
        recorder.late += [300, 1_000, 100]
        recorder.client.append(30)
        recorder.outcomes[Outcome.TIMEOUT] += 1
        snapshot = recorder.take(interval, interval + 1, EACH_INTERVAL)
        assert snapshot.outcomes == {"ok": 5, "timeout": 1}
        assert set(snapshot.histograms) == set(EACH_INTERVAL)
        totals.add(snapshot)
    rest = recorder.take(0, 3, ONCE_A_WINDOW)
    assert rest.outcomes == {"ok": 0}
    totals.add(rest)
    assert totals.outcomes == {"ok": 15, "timeout": 3}
    assert {metric: totals.histograms[metric].count for metric in Metric} == {
        metric: 15 if metric in OF_EACH_REQUEST else 3 if metric is Metric.CLIENT else 0 for metric in Metric
    }
    assert recorder.take(3, 4).histograms == Recorder().take(3, 4).histograms  # nothing is left


def test_a_snapshot_is_small() -> None:
    """So few kilobytes a second leave the pipe room for seconds: 5,000 answers of all sizes, in four intervals."""
    random, sizes = Random(0), []
    for interval in range(4):
        recorder = Recorder()
        recorder.prompt += [int(random.lognormvariate(14, 1)) for _ in range(1_250)]
        recorder.prompt_dispatch += [20_000] * 1_250
        sizes.append(len(recorder.take(interval, interval + 1, EACH_INTERVAL).to_bytes()))
    assert sum(sizes) < 16_000


def test_a_snapshot_travels_as_bytes() -> None:
    recorder = Recorder()
    recorder.prompt += [1_000, 10**9]
    recorder.late += [5, 2_000, 1]
    recorder.prompt_dispatch += [2, 3]
    recorder.outcomes[Outcome.CLOSED_EARLY] += 1
    recorder.count_status(404, as_expected=False)
    recorder.fail(Outcome.STATUS, "status 404", None, b"HTTP/1.1 404 Not Found", 7, reused=True)
    recorder.fail_to_connect(Outcome.REFUSED, "Connection refused", 111, 3)
    recorder.connect.append(9)
    recorder.opened += 1
    snapshot = recorder.take(5, 6)
    assert snapshot.samples == [
        FailureSample("status", "status 404", None, b"HTTP/1.1 404 Not Found", 7, True),
        FailureSample("refused", "Connection refused", 111, b"", 3, False),
    ]
    assert (snapshot.outcomes["status"], snapshot.connects) == (1, {"ok": 1, "refused": 1})
    assert Snapshot.from_bytes(snapshot.to_bytes()) == snapshot


def test_service_times_that_are_the_response_times_travel_once() -> None:
    closed, opened = Recorder(), Recorder()
    closed.prompt += range(1_000, 2_000)
    closed.prompt_dispatch += [1] * 1_000
    for number in range(1_000, 2_000):
        opened.late += [5_000, number, 1]
    once, twice = closed.take(0, 1, EACH_INTERVAL), opened.take(0, 1, EACH_INTERVAL)
    assert once.histograms[Metric.SERVICE] == once.histograms[Metric.RESPONSE] != b""
    assert once.to_bytes().count(once.histograms[Metric.RESPONSE]) == 1
    for snapshot in (once, twice):
        assert Snapshot.from_bytes(snapshot.to_bytes()) == snapshot


@pytest.mark.parametrize("data", [b"", b"HTTP", b"{}", b"\x81\xa8start_ns\x01"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        Snapshot.from_bytes(data)


def test_all_answers_are_counted_by_their_status() -> None:
    recorder = Recorder(usual_status=200)
    recorder.prompt += [1, 2, 3]
    recorder.prompt_dispatch += [1, 1, 1]
    recorder.count_status(302, as_expected=True)  # one of the three
    recorder.count_status(404, as_expected=False)
    assert recorder.take(0, 1).statuses == {"200": 2, "302": 1, "404": 1}
    assert recorder.take(1, 2).statuses == {}


def test_the_first_failures_of_each_outcome_are_kept_with_their_reasons() -> None:
    totals = Totals()
    for interval in range(2):
        recorder = Recorder()
        for number in range(10):
            recorder.fail(Outcome.RESET, f"number {number}", 104, b"x" * 1_000, 5, reused=True)
            recorder.fail(Outcome.TIMEOUT, "late", None, b"", 5, reused=False)
        totals.add(recorder.take(interval, interval + 1))
    assert [sample.reason for sample in totals.samples if sample.outcome == "reset"] == [
        "number 0",
        "number 1",
        "number 2",
    ]
    assert (len(totals.samples), len(totals.samples[0].received)) == (6, 200)
    assert totals.outcomes == {"ok": 0, "reset": 20, "timeout": 20}


def test_success_and_what_the_end_of_the_window_cut_are_no_failures() -> None:
    assert {Outcome.OK, Outcome.CUT} == set(Outcome) - FAILURES
