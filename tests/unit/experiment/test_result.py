"""From what was recorded of a trial to its result, whatever state it ended in."""

import pytest

from loadlab.experiment.context import Resources, Unobserved
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.result import trial_result
from loadlab.experiment.window import WindowRecord
from loadlab.processes import Placement
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import EACH_INTERVAL, ONCE_A_WINDOW, Recorder
from loadlab.results.model import TrialResult, TrialState

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
