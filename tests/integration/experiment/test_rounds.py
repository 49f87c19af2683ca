"""Trials that stand at the same time and are measured in turn, against real servers."""

import time
from collections.abc import Callable

import pytest

from loadlab.errors import TrialFailed
from loadlab.experiment import rounds
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.rig import NO_LOGS, Rig, TrialLogs
from loadlab.experiment.rounds import Batch
from loadlab.experiment.slices import SlicesRecord, measure_slice, warm_up
from loadlab.processes.proc import read_cpu_clock
from loadlab.profile import LoadProfile, Trial, plan_trials
from loadlab.results.trial import TrialResult

pytestmark = pytest.mark.timeout(180)

MS = 1_000_000


def profile(rounds: int = 4, **changes: object) -> LoadProfile:
    data = {
        "name": "rounds",
        "target": {"server": "epoll"},
        "load": {"connections": 8, "warmup": "50ms", "duration": "50ms"},
        "rounds": rounds,
        "retries": 0,
    }
    return LoadProfile.model_validate({**data, **changes})


def context(check: Callable[[], None] = lambda: None) -> RunContext:
    return RunContext(resources_of_host(), Unobserved(), check)


def no_log(_trial: Trial) -> TrialLogs:
    return NO_LOGS


def no_stacks(_trial: Trial) -> None:
    return None


def test_trials_of_a_batch_stand_at_once_and_are_measured_in_turn() -> None:
    trials = plan_trials(profile(sweep={"load.idle": [0, 100]}), seed=3)
    batch = Batch(trials, context(), 1, no_log)
    batch.measure(no_stacks)
    results = [run.result() for run in batch.runs]
    assert [(result.state, result.batch, len(result.rounds)) for result in results] == [("done", 1, 4)] * 2
    starts = sorted((each.at, result.id) for result in results for each in result.rounds)
    assert [{name for _, name in starts[first : first + 2]} for first in range(0, 8, 2)] == [{"001", "002"}] * 4
    for result in results:
        low, high = result.confidence["requests_per_second"]
        assert result.requests_per_second is not None
        assert low <= result.requests_per_second <= high
        assert result.requests == sum(each.requests for each in result.rounds) == result.response_ns.count
        assert result.window_ns == sum(each.window_ns for each in result.rounds)
        assert all(each.speed.client for each in result.rounds)
    idle = [result.idle.alive for result in results if result.idle is not None]
    assert idle == [100]


def test_cpu_time_is_that_of_all_requests_that_were_answered_meanwhile() -> None:
    with Rig(profile(), 1, context()) as rig:
        warm_up(rig)
        [pid] = rig.ends.target.pids()
        record, before_ns = SlicesRecord(rig), read_cpu_clock(pid)
        for _ in range(6):
            measure_slice(rig, 50 * MS, record)
        after_ns = read_cpu_clock(pid)
    assert before_ns is not None
    assert after_ns is not None
    assert record.usage is not None
    # Nothing is left out, as the server does nothing between the slices.
    assert record.usage.target.cpu_ns == pytest.approx(after_ns - before_ns, rel=0.02)
    costs_ns = [each.figures.cpu_ns_per_request or 0.0 for each in record.rounds]
    # That of all is the mean of theirs, weighted by what was answered; on a busy machine a slice may have few requests.
    assert min(costs_ns) <= record.usage.target.cpu_ns / record.load.served <= max(costs_ns)


def test_a_slice_records_for_as_long_as_it_was_asked_to() -> None:
    with Rig(profile(), 1, context()) as rig:
        record = SlicesRecord(rig)
        for _ in range(5):
            measure_slice(rig, 50 * MS, record)
    lengths = sorted(each.figures.window_ns for each in record.rounds)
    assert lengths[2] == pytest.approx(50 * MS, rel=0.1)


def test_a_rig_is_silent_while_others_are_measured() -> None:
    with Rig(profile(), 1, context()) as one, Rig(profile(), 2, context()) as other:
        warm_up(one)
        [pid] = one.ends.target.pids()
        before_ns = read_cpu_clock(pid)
        measure_slice(other, 200 * MS, SlicesRecord(other))
        after_ns = read_cpu_clock(pid)
    assert before_ns is not None
    assert after_ns is not None
    assert after_ns - before_ns < 5 * MS


def test_a_rate_is_kept_in_each_slice() -> None:
    load = {"connections": 8, "warmup": "0s", "duration": "200ms", "rate": 1000, "arrivals": "poisson"}
    with Rig(profile(load=load), 1, context()) as rig:
        record = SlicesRecord(rig)
        for _ in range(5):
            measure_slice(rig, 200 * MS, record)
    counts = [each.figures.requests for each in record.rounds]
    assert sum(counts) == pytest.approx(1000, abs=150)
    assert len(set(counts)) > 1  # each slice draws its own arrivals


def test_a_number_of_requests_is_that_of_each_round() -> None:
    load = {"connections": 8, "warmup": "0s", "request_count": 500}
    [trial] = plan_trials(profile(load=load), seed=1)
    batch = Batch([trial], context(), 1, no_log)
    batch.measure(no_stacks)
    assert [each.requests for each in batch.runs[0].result().rounds] == [500] * 4


def test_a_server_that_dies_ends_its_own_trial_only(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = plan_trials(profile(sweep={"load.connections": [4, 8]}), seed=1)
    measured: list[Rig] = []

    def measure_until_the_third(rig: Rig, duration_ns: int, record: SlicesRecord) -> None:
        measured.append(rig)
        if rig is measured[0] and measured.count(rig) == 3:
            raise TrialFailed("it was to fail")
        measure_slice(rig, duration_ns, record)

    monkeypatch.setattr(rounds, "measure_slice", measure_until_the_third)
    batch = Batch(trials, context(), 1, no_log)
    batch.measure(no_stacks)
    by_state = {run.result().state: run.result() for run in batch.runs}
    assert set(by_state) == {"done", "failed"}
    assert (by_state["failed"].reason, len(by_state["failed"].rounds)) == ("it was to fail", 2)
    assert len(by_state["done"].rounds) == 4


def test_what_was_measured_of_a_batch_that_is_interrupted_is_kept() -> None:
    trials = plan_trials(profile(rounds=1000), seed=1)
    end = time.monotonic() + 3

    def check() -> None:
        if time.monotonic() > end:
            raise KeyboardInterrupt

    batch = Batch(trials, context(check), 1, no_log)
    with pytest.raises(KeyboardInterrupt):
        batch.measure(no_stacks)
    result = batch.runs[0].result()
    assert result.state == "interrupted"
    assert len(result.rounds) > 1
    assert result.requests_per_second


def test_a_spoiled_trial_is_measured_again_on_the_same_rig(monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled = iter([True, True, False])
    monkeypatch.setattr(rounds, "spoiled_by_machine", lambda _result: next(spoiled))
    [trial] = plan_trials(profile(retries=5), seed=1)
    batch = Batch([trial], context(), 1, no_log)
    batch.measure(no_stacks)
    result = batch.runs[0].result()
    assert (result.state, result.attempt, len(result.rounds)) == ("done", 3, 4)
    assert [(each.attempt, len(each.rounds)) for each in batch.runs[0].spoiled] == [(1, 4), (2, 4)]


def test_an_attempt_that_is_interrupted_leaves_the_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[bool] = []

    def check() -> None:
        if ends:
            raise KeyboardInterrupt

    def spoiled(_result: TrialResult) -> bool:
        ends.append(True)
        return True

    monkeypatch.setattr(rounds, "spoiled_by_machine", spoiled)
    [trial] = plan_trials(profile(retries=5), seed=1)
    batch = Batch([trial], context(check), 1, no_log)
    with pytest.raises(KeyboardInterrupt):
        batch.measure(no_stacks)
    result = batch.runs[0].result()
    assert (result.state, result.attempt, len(result.rounds)) == ("done", 1, 4)
    assert batch.runs[0].spoiled == []
