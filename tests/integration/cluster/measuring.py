"""Trials of a server at an address, from the machines of a cluster or from this one alone."""

from typing import Any

from loadlab.cluster.remote import Cluster
from loadlab.experiment.context import Observer, RunContext, Unobserved, resources_for
from loadlab.experiment.preflight import names_for
from loadlab.experiment.rig import NO_LOGS
from loadlab.experiment.rounds import Batch
from loadlab.experiment.trial import TrialRun
from loadlab.profile import LoadProfile, plan_trials
from loadlab.profile.address import TcpAddress, format_address
from loadlab.results.trial import TrialResult


def profile_of(server: TcpAddress, *, rounds: int = 1, **load: Any) -> LoadProfile:  # noqa: ANN401
    """Return a profile that loads a server of another machine for half a second, if `load` says nothing else."""
    return LoadProfile.model_validate(
        {
            "name": "namespaces",
            "target": {"address": format_address(server)},
            "allow_remote": [server.host],
            "load": {"connections": 8, "idle": 0, "warmup": "100ms", "duration": "500ms", **load},
            "rounds": rounds,
            "retries": 0,
        }
    )


def measure(cluster: Cluster | None, profile: LoadProfile, observer: Observer | None = None) -> TrialResult:
    """Measure the one trial of a profile, in rounds if that has some."""
    trials = plan_trials(profile, seed=1)
    observer = observer or Unobserved()
    context = RunContext(resources_for(profile), observer, lambda: None, names_for(trials), cluster=cluster)
    if profile.in_rounds:
        batch = Batch(trials, context, 1, lambda _trial: NO_LOGS)
        batch.measure(lambda _trial: None)
        return batch.runs[0].result()
    run = TrialRun(trials[0], context)
    run.measure()
    return run.result("done", None)
