"""One iteration of one user of a scenario, which is shown and not measured: the way to write one."""

from collections.abc import Callable, Mapping
from typing import Final

from loadlab.errors import LoadlabError, NotPossible
from loadlab.experiment.context import RunContext
from loadlab.experiment.ends import Ends
from loadlab.experiment.parts import preparing_part
from loadlab.experiment.target_side import serve
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import Left, Traced
from loadlab.profile.schema import LoadProfile, Profile
from loadlab.profile.sweep import Trial, plan_trials
from loadlab.recording.trace import TraceEvent

_LONGEST_SILENCE_SECONDS: Final = 24 * 3600.0  # a scenario may sleep, and its author may stop it to look


def first_trial(profile: Profile) -> Profile:
    """Return the profile of a single trial, which has the first value of all that is swept.

    Raises LoadlabError if it has no scenario.
    """
    first = profile.model_copy(update={"sweep": {path: values[:1] for path, values in profile.sweep.items()}})
    trial = plan_trials(first, seed=0)[0].profile
    if not isinstance(trial, LoadProfile) or trial.load.scenario is None:
        raise LoadlabError("--one runs an iteration of a scenario, and this profile has none; set load.scenario")
    if trial.target.on is not None:
        raise LoadlabError(
            f"--one runs an iteration without a cluster, so there is no machine {trial.target.on} (target.on): have "
            "the target on this one (--set target.on=null), or name its address"
        )
    return trial.model_copy(update={"repeat": 1})


def run_iteration(
    trial: Trial,
    context: RunContext,
    begin: Callable[[str, Mapping[str, str]], None],
    show: Callable[[TraceEvent], None],
) -> str:
    """Run one iteration of the first user of a trial's scenario, with its target; return the iteration's name.

    Before it, `begin` is given the target's authority and the user's row of the data. Each event is handed to `show` as
    it happens. Raises ScenarioError where the scenario cannot be run, LoadlabError where its target cannot.
    """
    profile = trial.profile
    assert isinstance(profile, LoadProfile)
    try:
        with serve(profile, context, None) as served, LocalFleet(served.resources.cores[1]) as fleet:
            part = preparing_part(profile, served.target.address, served.target.authority, trial.seed, "trace")
            scenario = part.scenario
            assert scenario is not None
            row = dict(zip(scenario.columns, scenario.rows[0], strict=True)) if scenario.rows else {}
            begin(scenario.authority, row)
            fleet.start_workers([part])
            _listen(Ends(served, fleet, context.check), show)
            return scenario.function
    except NotPossible as lack:
        raise LoadlabError(str(lack)) from None


def _listen(ends: Ends, show: Callable[[TraceEvent], None]) -> None:
    """Hand over what the worker reports until the user has left."""
    left: list[Left] = []
    for event in ends.listen_while(lambda: not left, _LONGEST_SILENCE_SECONDS):
        match event.message:
            case Traced(event=traced):
                show(traced)
            case Left() as message:
                left.append(message)
