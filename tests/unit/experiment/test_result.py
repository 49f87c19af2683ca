"""From what was recorded of a trial to its result, whatever state it ended in."""

import pytest

from loadlab.experiment.context import Resources, Unobserved
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.machine_usage import LoadMachine
from loadlab.experiment.result import trial_result
from loadlab.experiment.usage import WindowEdge, usage_over
from loadlab.experiment.window import MeasuredRound, WindowRecord
from loadlab.fleet.messages import Blocking, CheckCount, KindLabel
from loadlab.probes.clocks import ClockReading
from loadlab.probes.procfs import GroupReading
from loadlab.probes.throttling import LimitsReading
from loadlab.processes import Placement
from loadlab.processes.cores import CoresReading
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import EACH_INTERVAL, ONCE_A_WINDOW, Recorder
from loadlab.results.machine import MachineResult
from loadlab.results.probe_data import Pressure
from loadlab.results.trial import Round, TrialResult, TrialState

MS = 1_000_000
SECOND = 1000 * MS
RESOURCES = Resources(Placement(target=(0,), load=(1,)), pinned=True, open_files=1024)


def result(
    state: TrialState, reason: str | None = None, rest: bool = True, cut_ages: bytes = b"", **load: object
) -> TrialResult:
    """The result of a trial with a window of 2 s, in which three requests were answered and one timed out."""
    load = {"connections": 5, "duration": "2s", **load}
    data = {"name": "x", "target": {"server": "epoll"}, "load": load, "expect": ["p50 < 1ms"]}
    profile = LoadProfile.model_validate(data)
    recorder = Recorder()
    recorder.prompt += [3 * MS, 4 * MS]
    recorder.prompt_dispatch += [MS, MS]
    recorder.late += [5 * MS, 2 * MS, MS]
    recorder.outcomes[Outcome.TIMEOUT] += 1
    window = WindowRecord(profile)
    kinds = len(window.load.kinds)
    idle = [Recorder() for _ in range(kinds - 1)]
    window.load.add("load worker 1", [each.take(0, 2 * SECOND, EACH_INTERVAL) for each in (recorder, *idle)])
    if rest:
        window.load.add_rest([each.take(0, 2 * SECOND, ONCE_A_WINDOW) for each in (recorder, *idle)])
        window.load.cut_ages.absorb(cut_ages)
        window.load.add_undone(cut=[2, 1][:kinds], dropped=[0] * kinds)
    held = HeldConnections(profile.load, Unobserved())
    return trial_result(Trial("007", 2, {"a": 1}, profile, 0), state, reason, RESOURCES, held, window)


def test_a_trial_that_is_done_has_figures_a_verdict_and_what_was_expected() -> None:
    done = result("done")
    assert (done.id, done.repeat, done.factors, done.state) == ("007", 2, {"a": 1}, "done")
    assert (done.requests, done.requests_per_second, done.window_ns) == (3, 1.5, 2 * SECOND)
    assert done.outcomes == {"ok": 3, "timeout": 1, "cut": 2}
    assert [done.response_ns.count, done.lateness_ns.count, done.wire_ns.count] == [3, 3, 3]
    assert done.response_ns.max == pytest.approx(7 * MS, rel=0.001)
    assert done.placement == {"target": [0], "load": [1]}
    assert (done.load_model, done.offered_per_second, done.idle, done.target) == ("closed", None, None, None)
    assert done.verdict.findings
    assert [expectation.met for expectation in done.expectations] == [False]


def test_what_ended_before_its_window_keeps_what_it_had() -> None:
    failed = result("failed", "the target died", rest=False)
    assert (failed.reason, failed.requests, failed.response_ns.count) == ("the target died", 3, 3)
    assert failed.lateness_ns.count == 0  # reported at the end of a window
    assert (failed.verdict.state, failed.verdict.findings, failed.expectations) == ("invalid", [], [])
    assert result("interrupted").expectations == []


def test_requests_in_flight_tell_how_long_they_had_been_so() -> None:
    ages = Histogram()
    ages.fold([MS] + [30 * MS] * 6)
    done = result("done", cut_ages=ages.drain())
    assert done.cut_age_ns.count == 7
    assert done.cut_age_ns.max == pytest.approx(30 * MS, rel=0.001)
    assert done.response_ns.too_low == done.service_ns.too_low == ["p50", "p90", "p99", "p99.9"]
    assert done.dispatch_ns.too_low == []


def test_an_open_load_says_what_it_offered() -> None:
    offered = result("done", rate=50)
    assert (offered.load_model, offered.offered_per_second) == ("open", 50)


def test_slow_senders_are_a_kind_apart() -> None:
    done = result("done", slow_connections=2)
    assert done.outcomes["cut"] == 2
    assert [(kind.name, kind.outcomes["ok"], kind.outcomes.get("cut", 0)) for kind in done.kinds] == [
        ("hello", 3, 2),
        (SLOW_SENDERS, 0, 1),
    ]


ITEM, BROWSE, CHECKOUT = (
    KindLabel("request", "GET /items/{id}"),
    KindLabel("step", "browse"),
    KindLabel("iteration", "checkout"),
)


EDGE = WindowEdge(
    target=GroupReading(0, {}),
    client=GroupReading(0, {}),
    beside=GroupReading(0, {}),
    cores=CoresReading(0, {}, interrupts_charged=False),
    clocks=ClockReading(0, 0, 0, 0),
    target_files=[],
    listen_queue=None,
    limits=LimitsReading({}, {}, Pressure(cpu_ns=None, memory_ns=None)),
)


def iterations(late_ms: int = 0, **outcomes: int) -> Recorder:
    """Two iterations of 90 ms, the second of them late."""
    recorder = Recorder(usual_status=0)
    recorder.prompt.append(90 * MS)
    recorder.prompt_dispatch.append(0)
    recorder.late += [late_ms * MS, 90 * MS, 0]
    for _ in range(outcomes.get("script_error", 0)):
        recorder.fail(Outcome.SCRIPT_ERROR, "KeyError: 'token'", None, b"", MS, reused=False, traceback="shop.py:3")
    return recorder


def of_scenario(rounds: int = 0, many: int = 0, machine: str = "", **load: object) -> TrialResult:
    """The result of a scenario: in each of its windows of 2 s two iterations or more, of a step and two requests."""
    settings = {"connections": 5, "duration": "2s", "scenario": "shop.py:checkout", **load}
    profile = LoadProfile.model_validate({"name": "x", "target": {"server": "epoll"}, "load": settings})
    window = WindowRecord(profile)
    for number in range(max(1, rounds)):
        if rounds:
            window.load.begin_round()
        step, request = Recorder(usual_status=0), Recorder()
        for recorder, time_ms in ((step, 30 + number), (request, 3 + number)):
            recorder.prompt += [time_ms * MS] * 2
            recorder.prompt_dispatch += [0] * 2
        recorders = {CHECKOUT: iterations(late_ms=20, script_error=1), BROWSE: step, ITEM: request}
        recorders[CHECKOUT].prompt += [90 * MS] * (many + number if many else 0)
        recorders[CHECKOUT].prompt_dispatch += [0] * (many + number if many else 0)
        taken = [each.take(0, 2 * SECOND, EACH_INTERVAL) for each in recorders.values()]
        sender = f"load worker 1 on {machine}" if machine else "load worker 1"
        window.load.add(sender, taken, [*recorders])
        rest = [each.take(0, 2 * SECOND, ONCE_A_WINDOW) for each in recorders.values()]
        window.load.add_rest(rest, [*recorders], sender)
        window.load.add_undone([1, 0, 0], [4, 0, 0], [*recorders], sender)
        window.load.add_checks([CheckCount("paid", 2, 1)])
        window.load.add_blocking([Blocking("shop.py:17", "time.sleep(1)", 2, 80 * MS)])
        if rounds:
            figures = Round(at=number, window_ns=2 * SECOND, requests=2, requests_per_second=1.0)
            window.rounds.append(MeasuredRound(figures, usage_over(EDGE, EDGE)))
    held = HeldConnections(profile.load, Unobserved())
    machines = [
        LoadMachine(MachineResult(name=name, host="h", cores=1, workers=1, holders=0, connections=5, idle=0))
        for name in (machine, "another")
        if machine
    ]
    return trial_result(Trial("007", 1, {}, profile, 0), "done", None, RESOURCES, held, window, machines=machines)


def test_a_scenario_has_figures_of_requests_steps_and_iterations_in_this_order() -> None:
    done = of_scenario(rate=50)
    assert (done.requests, done.requests_per_second, done.offered_per_second) == (2, 1.0, 50)
    assert done.outcomes == {"ok": 2, "cut": 0}
    assert [(kind.level, kind.name, kind.requests) for kind in done.kinds] == [
        ("request", "GET /items/{id}", 2),
        ("step", "browse", 2),
        ("iteration", "checkout", 2),
    ]
    assert done.iterations is done.kinds[-1]
    assert done.iterations.outcomes == {"ok": 2, "script_error": 1, "cut": 1, "dropped": 4}
    assert done.iterations.response_ns.max == pytest.approx(110 * MS, rel=0.001)
    assert done.iterations.lateness_ns.max == pytest.approx(20 * MS, rel=0.001)
    assert [kind.lateness_ns.count for kind in done.kinds] == [0, 0, 2]
    assert done.lateness_ns.max == 0  # a request is sent when the scenario says so
    assert done.kinds[0].statuses == {"200": 2}
    assert [(check.name, check.passed, check.failed) for check in done.checks] == [("paid", 2, 1)]
    assert [(each.where, each.times, each.longest_ns) for each in done.blocking] == [("shop.py:17", 2, 80 * MS)]
    (sample,) = done.failure_samples
    assert (sample.outcome, sample.kind, sample.traceback) == ("script_error", "checkout", "shop.py:3")


def test_steps_and_iterations_have_intervals_over_rounds() -> None:
    done = of_scenario(rounds=6)
    assert {metric for metric in done.confidence if metric.endswith(".p50")} == {
        "response_ns.p50",
        "service_ns.p50",
        "kinds.GET /items/{id}.response_ns.p50",
        "steps.browse.response_ns.p50",
        "iterations.response_ns.p50",
    }
    low, high = done.confidence["steps.browse.response_ns.p50"]
    assert 25 * MS < low < 32.5 * MS < high < 40 * MS
    assert [(check.passed, check.failed) for check in done.checks] == [(12, 6)]


def test_the_rate_of_iterations_has_an_interval_where_they_are_many_in_each_round() -> None:
    few, many = of_scenario(rounds=6), of_scenario(rounds=6, many=100)
    assert few.iterations is not None
    assert many.iterations is not None
    assert "iterations.requests_per_second" not in few.confidence
    assert few.iterations.requests_per_second == 1.0
    low, high = many.confidence["iterations.requests_per_second"]
    assert many.iterations.requests_per_second == 52.25  # 102 to 107 in 2 s
    assert low < 52.25 < high


def test_an_iteration_goes_on_in_the_next_round() -> None:
    done = of_scenario(rounds=6)
    assert done.iterations is not None
    assert done.iterations.outcomes["cut"] == 1


def test_machines_of_a_cluster_have_their_requests_and_iterations() -> None:
    done = of_scenario(machine="node1", rate=5)
    of_all, (first, second) = done.iterations, done.machines
    assert of_all is not None
    assert (first.name, first.requests, first.outcomes) == ("node1", done.requests, done.outcomes)
    assert first.iterations == of_all
    assert first.iterations.lateness_ns.count == of_all.lateness_ns.count > 0
    assert (second.requests, second.iterations) == (0, None)
    assert [machine.verdict.state for machine in done.machines][1] == "valid"


def test_iterations_of_a_machine_that_go_on_in_the_next_round_are_not_cut() -> None:
    done = of_scenario(rounds=3, machine="node1", rate=5)
    assert done.iterations is not None
    assert done.machines[0].iterations is not None
    assert done.machines[0].iterations.outcomes == done.iterations.outcomes
