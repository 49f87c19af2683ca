"""Passes under profilers: further windows on the same rig."""

import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from loadlab import targets
from loadlab.experiment import passes
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.trial import TrialRun
from loadlab.experiment.window import measure_window
from loadlab.probes.cpu import probe as cpu
from loadlab.probes.syscalls.choice import BACKENDS
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import plan_trials
from loadlab.results.folded_stacks import Stacks

pytestmark = pytest.mark.timeout(120)


class Phases(Unobserved):
    """Notes the phases of the trials."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def phase(self, name: str, fraction: float | None) -> None:
        if not self.names or self.names[-1] != name:
            self.names.append(name)


def profile(probes: str | list[str]) -> LoadProfile:
    return LoadProfile.model_validate(
        {
            "name": "passes",
            "target": {"server": "epoll"},
            "load": {"connections": 4, "idle": 100, "warmup": "50ms", "duration": "300ms"},
            "probes": probes,
        }
    )


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What starts targets, counting."""
    counting = Mock(wraps=targets.launch)
    monkeypatch.setattr(targets, "launch", counting)
    return counting


def test_py_spy_stands_before_the_first_request_of_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    [lack] = [each.why_unavailable() for each in cpu.BACKENDS if each.name == "py-spy"]
    if lack is not None:
        pytest.skip(f"{lack.why}; {lack.fix}")
    measured = Mock(wraps=measure_window)
    monkeypatch.setattr(passes, "measure_window", measured)
    [trial] = plan_trials(profile(["cpu"]), seed=0)
    run = TrialRun(trial, RunContext(resources_of_host(), Unobserved(), lambda: None), keep_stacks=Mock())
    run.measure()
    assert [call.args[1].warmup_ns for call in measured.call_args_list] == [0]
    found = run.result("done", None).probes.cpu
    assert found is not None
    assert found.target is not None
    assert found.target.backend.startswith("py-spy")


def test_all_passes_share_one_target_and_its_idle_connections(launch: Mock, need_program: Callable[[str], str]) -> None:
    need_program("strace")
    [lack] = [each.why_unavailable() for each in BACKENDS if each.name == "strace"]
    if lack is not None:
        pytest.skip(f"{lack.why}; {lack.fix}")
    phases, kept = Phases(), list[str]()

    def keep_stacks(file: str, stacks: Stacks) -> None:
        kept.append(file)

    [trial] = plan_trials(profile(["syscalls:strace", "cpu"]), seed=0)
    run = TrialRun(trial, RunContext(resources_of_host(), phases, lambda: None), keep_stacks=keep_stacks)
    run.measure()
    result = run.result("done", None)
    assert launch.call_count == 1
    assert phases.names.count("opening idle connections: 100") == 1
    assert [name for name in phases.names if name in ("measuring", "tracing with strace", "profiling the CPU")] == [
        "measuring",
        "tracing with strace",
        "tracing with strace",
        "profiling the CPU",
        "profiling the CPU",
    ]
    syscalls = result.probes.syscalls
    assert syscalls is not None
    assert syscalls.target is not None
    assert syscalls.requests
    # This server reads and writes once for each request, however many connections it has.
    per_request = syscalls.calls_per_request or {}
    assert per_request["recvfrom"] == pytest.approx(1, abs=0.02)
    assert per_request["sendto"] == pytest.approx(1, abs=0.02)
    assert result.probes.cpu is not None
    assert any(file.startswith("cpu-target") for file in kept), kept


def test_no_process_is_left() -> None:
    before = children()
    [trial] = plan_trials(profile([]), seed=0)
    run = TrialRun(trial, RunContext(resources_of_host(), Unobserved(), lambda: None))
    run.measure()
    assert children() == before
    assert run.result("done", None).requests > 0


def children() -> set[int]:
    """Return the children of this process."""
    own = Path(f"/proc/{os.getpid()}/task")
    return {int(pid) for task in own.iterdir() for pid in (task / "children").read_text().split()}
