"""A trial without a network that this machine has no room for."""

import pytest

from loadlab.errors import NotPossible, TrialFailed
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.micro import MicroRun
from loadlab.profile import SwitchCostProfile, plan_trials

from ..host.machine import with_memory


def micro_run(unit: str, count: int) -> MicroRun:
    profile = SwitchCostProfile.model_validate(
        {"name": "x", "kind": "switch-cost", "switch": {"unit": unit, "count": count}}
    )
    (trial,) = plan_trials(profile, seed=1)
    return MicroRun(trial, RunContext(resources_of_host(), Unobserved(), lambda: None))


def test_a_trial_that_the_doctor_blocks_for_memory_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the worker was started")

    run = micro_run("process", 200)
    monkeypatch.setattr("loadlab.experiment.preflight.Machine", lambda: with_memory(100 << 20))
    monkeypatch.setattr("loadlab.experiment.micro.spawn", start)
    with pytest.raises(
        NotPossible, match=r"^this would take 512 MiB of memory, and 100 MiB are available; free 412 MiB$"
    ):
        run.measure()


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ("echo 'my own little script'", r"^microbenchmark printed 'my own little script\\n' in place of its figures$"),
        ("", "^microbenchmark printed '' in place of its figures$"),
        ("""echo '{"cost_ns": "much"}'""", "^microbenchmark printed .* in place of its figures$"),
        ("exec <&-; echo gone >&2; exit 7", "^microbenchmark ended with code 7: gone$"),
    ],
)
def test_a_worker_that_does_not_print_figures_has_failed(
    program: str, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = micro_run("call", 10)
    monkeypatch.setattr("loadlab.experiment.micro.module_command", lambda _module: ["sh", "-c", program])
    with pytest.raises(TrialFailed, match=failure):
        run.measure()
