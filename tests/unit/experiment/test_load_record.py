"""The snapshots of several workers, merged into one record."""

from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.experiment.load_record import LoadRecord
from loadlab.experiment.recorded_kinds import RecordedKind, RecordedKinds
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import EACH_INTERVAL, Metric, Recorder, Snapshot, Totals

MS = 1_000_000
SECOND = 1_000 * MS


def snapshot(start_ms: int, end_ms: int, *service_ms: int, timeouts: int = 0) -> Snapshot:
    recorder = Recorder()
    recorder.prompt += [value * MS for value in service_ms]
    recorder.prompt_dispatch += [MS for _ in service_ms]
    if timeouts:
        recorder.outcomes[Outcome.TIMEOUT] += timeouts
    return recorder.take(start_ms * MS, end_ms * MS)


def two_workers() -> LoadRecord:
    record = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    record.add("load worker 1", [snapshot(0, 1000, 1, 2, 3)])
    record.add("load worker 2", [snapshot(0, 1002, 4)])
    record.add("load worker 1", [snapshot(1000, 2000, 5, timeouts=2)])
    return record


def test_everything_is_added_up() -> None:
    record = two_workers()
    assert record.requests == 5
    assert record.totals.outcomes == {"ok": 5, "timeout": 2}
    assert record.window_ns == 2 * SECOND
    assert {metric.value: record.totals.histograms[metric].count for metric in Metric} == {
        "response": 5,
        "service": 5,
        "lateness": 5,
        "wire": 5,
        "dispatch": 5,
        "client": 0,
        "connect": 0,
        "handshake": 0,
        "upgrade": 0,
        "first": 0,
        "gap": 0,
        "delay": 0,
    }


def test_intervals_hold_the_same_stretch_of_all_workers() -> None:
    assert [(each.start, each.end, each.requests) for each in two_workers().intervals()] == [(0, 1.002, 4), (1, 2, 1)]
    first, second = two_workers().latency_intervals()
    assert (first.histograms["response"].count, second.histograms["response"].count) == (4, 1)
    assert first.end_seconds == 1.002


def test_the_rate_is_that_of_the_last_interval_which_all_have_reported() -> None:
    record = two_workers()
    assert 3.9 < record.last_rate() < 4.0
    record.add("load worker 2", [snapshot(1002, 2002, 6, 7)])
    assert record.last_rate() == 3.0


def test_an_empty_record_covers_no_time() -> None:
    record = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    assert (record.requests, record.window_ns, record.intervals()) == (0, 0, [])


def test_kinds_count_each_for_itself_and_together_but_for_those_apart() -> None:
    record = LoadRecord(
        RecordedKinds([RecordedKind("hello"), RecordedKind("sleep"), RecordedKind("slow senders", apart=True)])
    )
    record.add("load worker 1", [snapshot(0, 1000, 1, 2), snapshot(0, 1000, 50), snapshot(0, 1000, 900, timeouts=3)])
    record.add_undone(cut=[3, 1, 2], dropped=[4, 1, 0])
    record.add_undone(cut=[6, 0, 1], dropped=[0, 0, 0])
    assert record.requests == 3
    assert record.totals.outcomes == {"ok": 3, "cut": 10, "dropped": 5}
    assert [totals.outcomes["ok"] for totals in record.by_kind] == [2, 1, 1]
    assert record.by_kind[0].outcomes == {"ok": 2, "cut": 9, "dropped": 4}
    assert record.by_kind[2].outcomes == {"ok": 1, "timeout": 3, "cut": 3}
    assert record.last_rate() == 3.0
    (interval,) = record.latency_intervals()
    counts = {name: histogram.count for name, histogram in interval.histograms.items()}
    assert counts["response"] == 3
    assert (counts["response/hello"], counts["response/sleep"], counts["response/slow_senders"]) == (2, 1, 1)


def in_rounds() -> LoadRecord:
    record = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    for first_ms, second_ms in ((1, 2), (3, 4), (5, 6)):
        record.begin_round()
        record.add("load worker 1", [snapshot(0, 100, first_ms)])
        record.add("load worker 2", [snapshot(0, 102, second_ms)])
    return record


def test_rounds_follow_one_another() -> None:
    record = in_rounds()
    assert record.window_ns == 306 * MS
    assert [(each.start, each.end, each.requests) for each in record.intervals()] == [
        (0.0, 0.102, 2),
        (0.102, 0.204, 2),
        (0.204, 0.306, 2),
    ]
    assert [each.histograms[Metric.RESPONSE.value].count for each in record.latency_intervals()] == [2, 2, 2]


def test_the_times_of_each_kind_are_known_by_round() -> None:
    record = LoadRecord(RecordedKinds([RecordedKind("hello"), RecordedKind("sleep")]))
    for hello_ms in (1, 3):
        record.begin_round()
        record.add("load worker 1", [snapshot(0, 100, hello_ms), snapshot(0, 100, 50)])
    times = {kind.name: of_rounds for kind, of_rounds in record.response_times_by_kind()}
    assert [round(each.mean_ns / MS) for each in times["hello"]] == [1, 3]
    assert [round(each.mean_ns / MS) for each in times["sleep"]] == [50, 50]
    assert [*in_rounds().response_times_by_kind()] == []


def test_the_last_round_is_known_by_itself() -> None:
    record = in_rounds()
    last = record.last_round()
    assert last.window_ns == 102 * MS
    assert last.requests == 2
    assert round(last.response.mean_ns / MS, 1) == 5.5


def test_a_round_in_which_nothing_was_recorded_keeps_its_place() -> None:
    record = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    record.begin_round()
    record.begin_round()
    record.add("load worker 1", [snapshot(0, 100, 3)])
    assert [each.count for each in record.times(Metric.RESPONSE)] == [0, 1]
    assert [each.requests for each in record.intervals()] == [1]


def test_a_round_of_several_intervals_is_one_stretch() -> None:
    record = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    for _ in range(2):
        record.begin_round()
        for start_ms in (0, 250):
            record.add("load worker 1", [snapshot(start_ms, start_ms + 250, 1)])
    assert [(each.start, each.end, each.requests) for each in record.intervals()] == [(0.0, 0.5, 2), (0.5, 1.0, 2)]


def test_a_worker_that_has_nothing_to_say_of_a_round_is_in_step_again_in_the_next() -> None:
    record = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    record.begin_round()
    record.add("load worker 1", [snapshot(0, 100, 1)])
    record.begin_round()
    for worker in (1, 2):
        record.add(f"load worker {worker}", [snapshot(0, 100, 1)])
    assert [each.requests for each in record.intervals()] == [1, 2]


def test_what_was_served_includes_warm_ups_and_what_was_in_flight() -> None:
    record = in_rounds()
    record.answered_before = 7
    record.add_finished_later([snapshot(0, 0, 1, timeouts=1)])
    assert (record.requests, record.served, record.failed) == (6, 14, 0)


def test_the_times_of_streams_are_known_by_round_and_written_only_where_there_are_any() -> None:
    record = LoadRecord(RecordedKinds([RecordedKind("events")]))
    for delay_ms in (2, 4):
        recorder = Recorder()
        recorder.delay.append(delay_ms * MS)
        record.begin_round()
        record.add("load worker 1", [recorder.take(0, 100 * MS, EACH_INTERVAL)])
    assert [round(each.mean_ns / MS) for each in record.times(Metric.DELAY)] == [2, 4]
    assert [[*each.histograms] for each in record.latency_intervals()] == [["response", "service", "delay"]] * 2


@settings(deadline=None)
@given(
    times_ms=st.lists(st.integers(1, 60_000), max_size=60),
    placed=st.lists(st.integers(0, 4), min_size=60, max_size=60),
    timeouts=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    cut=st.lists(st.integers(0, 9), min_size=5, max_size=5),
    machines=st.lists(st.sampled_from(["", " on a", " on b", " on node on rack"]), min_size=5, max_size=5),
)
def test_machines_together_are_one_machine_bit_for_bit(
    times_ms: list[int], placed: list[int], timeouts: list[int], cut: list[int], machines: list[str]
) -> None:
    """Whatever worker records a request, and on whatever machine it runs."""
    alone = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    alone.add("load worker 1", [snapshot(0, 1000, *times_ms, timeouts=sum(timeouts))])
    alone.add_undone([sum(cut)], [0])
    divided = LoadRecord(RecordedKinds([RecordedKind("hello")]))
    for worker, machine in enumerate(machines):
        sender = f"load worker {worker + 1}{machine or ' on c'}"
        own = [time_ms for time_ms, number in zip(times_ms, placed, strict=False) if number == worker]
        divided.add(sender, [snapshot(0, 1000, *own, timeouts=timeouts[worker])])
        divided.add_undone([cut[worker]], [0], sender=sender)
    together = Totals()
    for totals in divided.by_machine.values():
        together.outcomes.update(totals.outcomes)
        for metric, histogram in totals.histograms.items():
            together.histograms[metric].merge(histogram)
    expected = {metric: alone.totals.histograms[metric].drain() for metric in Metric}
    for merged in (together, divided.totals):
        assert +merged.outcomes == +alone.totals.outcomes
        assert {metric: merged.histograms[metric].drain() for metric in Metric} == expected
    assert "node on rack" in divided.by_machine or " on node on rack" not in machines


def test_workers_on_this_machine_alone_are_counted_once() -> None:
    assert two_workers().by_machine == {}
