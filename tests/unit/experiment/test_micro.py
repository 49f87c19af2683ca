"""A trial without a network that this machine has no room for."""

import pytest

from loadlab.experiment.context import NotPossible, RunContext, Unobserved, resources_of_host
from loadlab.experiment.micro import MicroRun
from loadlab.profile import SwitchCostProfile, plan_trials

from ..host.machine import with_memory


def test_a_trial_that_the_doctor_blocks_for_memory_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the worker was started")

    profile = SwitchCostProfile.model_validate(
        {"name": "x", "kind": "switch-cost", "switch": {"unit": "process", "count": 200}}
    )
    (trial,) = plan_trials(profile, seed=1)
    run = MicroRun(trial, RunContext(resources_of_host(), Unobserved(), lambda: None))
    monkeypatch.setattr("loadlab.experiment.preflight.Machine", lambda: with_memory(100 << 20))
    monkeypatch.setattr("loadlab.experiment.micro.spawn", start)
    with pytest.raises(
        NotPossible, match=r"^this would take 512 MiB of memory, and 100 MiB are available; free 412 MiB$"
    ):
        run.measure()
