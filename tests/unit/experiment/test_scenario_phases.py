"""Setup, on_stop and teardown of a scenario: when they are called, and what becomes of their failures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from loadlab.errors import ScenarioError, TrialFailed
from loadlab.experiment import scenario_phases
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.ends import Ends
from loadlab.experiment.scenario_phases import ScenarioPhases
from loadlab.experiment.target_side import TargetSide
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.messages import Left, LoadPart, Message, Prepared, Ready
from loadlab.profile import LoadProfile, load_mapping
from loadlab.profile.address import TcpAddress
from loadlab.serving.reading import TargetReadings
from loadlab.serving.starting import Server

ITERATION = "async def checkout(user): pass\n"
ALL = "".join(f"async def {name}(shared): pass\n" for name in ("setup", "teardown", "on_start", "on_stop")) + ITERATION


class FleetOfTwo:
    """Two workers, and a process for setup and teardown, which answer at once with what a test has them answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.parts: list[LoadPart] = []
        self.answers: dict[str, Message | Exception] = {"setup": Prepared(b'{"token": 1}'), "teardown": Prepared()}
        self._waiting: list[Event] = []
        self.problems: list[str] = []

    def prepare(self, part: LoadPart) -> None:
        assert part.scenario is not None
        self.parts.append(part)
        self._ask(part.scenario.phase, 1)

    def end_preparing(self) -> None:
        self.asked.append("end preparing")

    def leave(self) -> None:
        self._ask("leave", 2)

    def keep_problems(self, what: str, problems: Sequence[str]) -> None:
        assert what == "on_stop"
        self.problems += problems

    def end_workers(self) -> None:
        self.asked.append("end workers")

    def next_events(self, _timeout_seconds: float) -> list[Event]:
        events, self._waiting = self._waiting, []
        for event in events:
            if isinstance(event.message, Exception):
                raise event.message
        return events

    def say_ready(self) -> None:
        self._waiting = [Event(f"load worker {number}", Ready()) for number in (1, 2)]

    def _ask(self, what: str, times: int) -> None:
        self.asked.append(what)
        if what in self.answers or what == "leave":
            answer = cast(Message, self.answers.get(what, Left()))
            self._waiting += [Event(f"{what} {number}", answer) for number in range(times)]


def phases_of(folder: Path, source: str, fleet: FleetOfTwo, check: Callable[[], None] = lambda: None) -> ScenarioPhases:
    (folder / "shop.py").write_text(source)
    (folder / "users.csv").write_text("name\nada\nbob\n")
    load = {
        "scenario": str(folder / "shop.py:checkout"),
        "connections": 2,
        "duration": "1s",
        "timeout": "1s",
        "data": {"file": str(folder / "users.csv")},
    }
    profile = load_mapping({"name": "x", "target": {"address": "127.0.0.1:80"}, "load": load}).profile
    assert isinstance(profile, LoadProfile)
    context = RunContext(resources_of_host(), Unobserved(), check)
    server = SimpleNamespace(
        address=TcpAddress("127.0.0.1", 80), authority="localhost", poll_exit=lambda: None, pids=list
    )
    side = TargetReadings(cast(Server, server))
    ends = Ends(cast(TargetSide, side), cast(Fleet, fleet), check)
    return ScenarioPhases(profile, 1, context, ends, workers=2)


def test_all_phases_of_a_scenario_that_has_them(tmp_path: Path) -> None:
    fleet = FleetOfTwo()
    phases = phases_of(tmp_path, ALL, fleet)
    phases.set_up()
    assert phases.shared == b'{"token": 1}'
    fleet.say_ready()
    phases.wait_ready()
    phases.take_leave()
    phases.tear_down(in_order=True)
    assert fleet.asked == [
        "setup",
        "end preparing",
        "leave",
        "end workers",
        "teardown",
        "end preparing",
    ]
    before, after = (part.scenario for part in fleet.parts)
    assert before is not None
    assert after is not None
    assert before.rows == [["ada"], ["bob"]]
    assert (before.shared, after.shared) == (b"null", b'{"token": 1}')


def test_a_scenario_without_them_starts_no_process(tmp_path: Path) -> None:
    fleet = FleetOfTwo()
    phases = phases_of(tmp_path, ITERATION, fleet)
    phases.set_up()
    fleet.say_ready()
    phases.wait_ready()
    phases.take_leave()
    phases.tear_down(in_order=True)
    assert (fleet.asked, phases.shared) == ([], b"null")


def test_a_setup_that_fails_says_so(tmp_path: Path) -> None:
    fleet = FleetOfTwo()
    fleet.answers["setup"] = ScenarioError("shop.py:1 in setup\nKeyError: 'token'")
    with pytest.raises(ScenarioError, match=r"setup failed:\nshop.py:1 in setup\nKeyError: 'token'"):
        phases_of(tmp_path, ALL, fleet).set_up()
    assert fleet.asked == ["setup", "end preparing"]


def test_a_setup_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_phases, "_LONGEST_SETUP_SECONDS", 0.0)
    fleet = FleetOfTwo()
    del fleet.answers["setup"]
    with pytest.raises(ScenarioError, match="setup did not come to an end within 0 s"):
        phases_of(tmp_path, ALL, fleet).set_up()


def test_a_teardown_that_fails_counts_only_where_all_was_measured(tmp_path: Path) -> None:
    fleet = FleetOfTwo()
    fleet.answers["teardown"] = ScenarioError("shop.py:2 in teardown\nValueError: x")
    phases_of(tmp_path, ALL, fleet).tear_down(in_order=False)
    with pytest.raises(ScenarioError, match="teardown failed"):
        phases_of(tmp_path, ALL, fleet).tear_down(in_order=True)


def test_a_target_that_is_gone_leaves_nothing_to_tear_down(tmp_path: Path) -> None:
    fleet = FleetOfTwo()
    fleet.answers["teardown"] = TrialFailed("the target ended")
    phases_of(tmp_path, ALL, fleet).tear_down(in_order=True)
    assert fleet.asked[-2:] == ["teardown", "end preparing"]


def test_what_goes_wrong_in_on_stop_is_kept(tmp_path: Path) -> None:
    fleet = FleetOfTwo()
    fleet.answers["leave"] = Left(["on_stop: KeyError: 'a'"])
    phases = phases_of(tmp_path, ALL, fleet)
    phases.take_leave()
    assert fleet.problems == ["on_stop: KeyError: 'a'"] * 2
    fleet.answers["leave"] = ScenarioError("worse")
    phases.take_leave()
    assert fleet.problems[2:] == ["worse"]


def test_after_control_c_nobody_takes_leave_but_teardown_is_called(tmp_path: Path) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    fleet = FleetOfTwo()
    phases = phases_of(tmp_path, ALL, fleet, interrupted)
    phases.take_leave()
    phases.tear_down(in_order=False)
    assert fleet.asked == ["leave", "end workers", "teardown", "end preparing"]
