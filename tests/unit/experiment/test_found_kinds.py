"""Kinds that a scenario finds as it runs: each message names its own, and however workers find them, they merge."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.experiment.load_record import LoadRecord
from loadlab.experiment.recorded_kinds import RecordedKinds
from loadlab.fleet.messages import Blocking, CheckCount, KindLabel
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import EACH_INTERVAL, Metric, Recorder, Snapshot
from loadlab.results.requests import BlockingCode, CheckResult

MS = 1_000_000
ITEM = KindLabel("request", "GET /items/{id}")
LOGIN = KindLabel("request", "POST /login")
BROWSE = KindLabel("step", "browse")
CHECKOUT = KindLabel("iteration", "checkout")
LABELS = [ITEM, LOGIN, BROWSE, CHECKOUT, KindLabel("step", "GET /items/{id}")]


def snapshot(end_ms: int, *response_ms: int, failed: int = 0) -> Snapshot:
    recorder = Recorder()
    recorder.prompt += [value * MS for value in response_ms]
    recorder.prompt_dispatch += [0 for _ in response_ms]
    if failed:
        recorder.outcomes[Outcome.SCRIPT_ERROR] += failed
    return recorder.take((end_ms - 100) * MS, end_ms * MS, EACH_INTERVAL)


def found() -> LoadRecord:
    """Two workers that found the kinds in different order, and one of them twice as many."""
    record = LoadRecord(RecordedKinds([], are_found=True))
    record.add("load worker 1", [snapshot(100, 5), snapshot(100, 40)], [ITEM, BROWSE])
    record.add("load worker 2", [snapshot(100, 90), snapshot(100, 7, 9)], [CHECKOUT, LOGIN])
    record.add("load worker 2", [snapshot(200, failed=2), snapshot(200, 6), snapshot(200)], [CHECKOUT, ITEM, BROWSE])
    return record


def test_kinds_merge_by_level_and_name_and_only_requests_count_together() -> None:
    record = found()
    by_name = {
        (kind.level, kind.name): totals.outcomes for kind, totals in zip(record.kinds, record.by_kind, strict=True)
    }
    assert by_name == {
        ("request", "GET /items/{id}"): {"ok": 2},
        ("step", "browse"): {"ok": 1},
        ("iteration", "checkout"): {"ok": 1, "script_error": 2},
        ("request", "POST /login"): {"ok": 2},
    }
    assert (record.requests, record.failed, record.window_ns) == (4, 0, 200 * MS)
    assert record.totals.outcomes == {"ok": 4}
    assert [each.requests for each in record.intervals()] == [3, 1]


def test_what_was_left_undone_is_in_the_order_of_its_message() -> None:
    record = found()
    record.add_undone([3, 1], [7, 0], [CHECKOUT, LOGIN])
    record.add_finished_later([snapshot(0, 5), snapshot(0, 800)], [LOGIN, BROWSE])
    outcomes = {kind.name: totals.outcomes for kind, totals in zip(record.kinds, record.by_kind, strict=True)}
    assert outcomes["checkout"] == {"ok": 1, "script_error": 2, "cut": 3, "dropped": 7}
    assert outcomes["POST /login"] == {"ok": 2, "cut": 1}
    assert record.totals.outcomes == {"ok": 4, "cut": 1}
    assert record.finished_later.outcomes == {"ok": 1}


def test_a_window_under_way_shows_requests_and_iterations() -> None:
    record = LoadRecord(RecordedKinds([], are_found=True))
    record.add("load worker 1", [snapshot(100, 5, 6), snapshot(100, 90)], [ITEM, CHECKOUT])
    shown = record.so_far()
    assert (shown.requests_per_second, shown.iterations_per_second, shown.requests) == (20, 10, 2)


def test_a_worker_may_have_nothing_to_say() -> None:
    record = LoadRecord(RecordedKinds([], are_found=True))
    record.add("load worker 1", [])
    record.add_rest([])
    record.add_undone([], [])
    assert (record.requests, record.window_ns, record.intervals()) == (0, 0, [])
    assert not any(each.count for whole in record.latency_intervals() for each in whole.histograms.values())
    assert record.so_far().iterations_per_second == 0


def test_a_plain_part_has_the_kinds_that_it_was_given() -> None:
    record = LoadRecord(RecordedKinds([]))
    with pytest.raises(ValueError, match="zip"):
        record.add("load worker 1", [snapshot(100, 5)])


def test_the_times_of_each_kind_are_known_by_round_and_written_once() -> None:
    record = LoadRecord(RecordedKinds([], are_found=True))
    for response_ms, labels in ((2, [ITEM, CHECKOUT]), (4, [CHECKOUT, ITEM])):
        record.begin_round()
        record.add("load worker 1", [snapshot(100, response_ms), snapshot(100, response_ms)], labels)
    times = {kind.name: [each.count for each in rounds] for kind, rounds in record.response_times_by_kind()}
    assert times == {"GET /items/{id}": [1, 1], "checkout": [1, 1]}
    first, second, whole = record.latency_intervals()
    assert [*first.histograms] == [*second.histograms] == ["response", "service"]
    assert {tag: each.count for tag, each in whole.histograms.items()} == {
        "response/GET_/items/{id}": 2,
        "response/iterations": 2,
    }
    assert (whole.start_seconds, whole.end_seconds) == (0.0, 0.2)


def test_names_with_a_tag_in_common_are_written_together() -> None:
    record = LoadRecord(RecordedKinds([], are_found=True))
    labels = [KindLabel("step", "log in"), KindLabel("step", "log,in")]
    record.add("load worker 1", [snapshot(100, 2), snapshot(100, 4)], labels)
    *_, whole = record.latency_intervals()
    assert {tag: each.count for tag, each in whole.histograms.items()} == {"response/steps/log_in": 2}
    assert [totals.histograms[Metric.RESPONSE].count for totals in record.by_kind] == [1, 1]


def test_checks_and_blocking_lines_are_added_up_over_workers_and_windows() -> None:
    record = found()
    record.add_checks([CheckCount("paid", 3, 1), CheckCount("logged in", 2, 0)])
    record.add_checks([CheckCount("paid", 2, 2)])
    assert record.checks == [
        CheckResult(name="paid", passed=5, failed=3),
        CheckResult(name="logged in", passed=2, failed=0),
    ]
    record.add_blocking([Blocking("shop.py:17", "time.sleep(1)", 2, 60 * MS), Blocking("shop.py:3", "sum(x)", 1, MS)])
    record.add_blocking([Blocking("shop.py:17", "time.sleep(1)", 3, 90 * MS), Blocking("a.py:1", "f()", 1, 999 * MS)])
    assert record.blocking == [
        BlockingCode(where="a.py:1", code="f()", times=1, longest_ns=999 * MS),
        BlockingCode(where="shop.py:17", code="time.sleep(1)", times=5, longest_ns=90 * MS),
        BlockingCode(where="shop.py:3", code="sum(x)", times=1, longest_ns=MS),
    ]


samples = st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 500)), max_size=60)


@given(samples, st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32))
def test_however_samples_are_spread_over_workers_and_intervals_they_merge_to_one(
    recorded: list[tuple[KindLabel, int]], workers: int, intervals: int, seed: int
) -> None:
    draw = Random(seed)
    record = LoadRecord(RecordedKinds([], are_found=True))
    places = [(worker, interval) for interval in range(intervals) for worker in range(workers)]
    drawn = [(draw.choice(places), label, value) for label, value in recorded]
    for worker, interval in places:
        values: dict[KindLabel, list[int]] = {}
        for place, label, value in drawn:
            if place == (worker, interval):
                values.setdefault(label, []).append(value)
        labels = draw.sample([*values], k=len(values))
        end_ms = 100 * (interval + 1)
        record.add(f"load worker {worker}", [snapshot(end_ms, *values[label]) for label in labels], labels)
    record.add_rest([])
    counted = {
        KindLabel(kind.level, kind.name): totals for kind, totals in zip(record.kinds, record.by_kind, strict=True)
    }
    assert {label: totals.outcomes["ok"] for label, totals in counted.items()} == Counter(
        label for label, _ in recorded
    )
    for label, totals in counted.items():
        alone = snapshot(100, *(value for each, value in recorded if each == label))
        assert totals.histograms[Metric.RESPONSE].drain() == alone.histograms[Metric.RESPONSE]
    requests = [value for label, value in recorded if label.level == "request"]
    assert record.requests == len(requests)
    together = snapshot(100, *requests).histograms[Metric.RESPONSE]
    assert record.totals.histograms[Metric.RESPONSE].drain() == together
