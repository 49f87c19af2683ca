"""What a run needs before its first trial: its trials, the addresses of their servers, resources, and a directory."""

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from loadlab.errors import LoadlabError
from loadlab.experiment.context import Observer, Resources, RunContext, resources_for
from loadlab.experiment.interruption import Interruption
from loadlab.experiment.preflight import names_for
from loadlab.experiment.run import Experiment
from loadlab.profile import LoadedProfile, LoadProfile, Profile, Trial, plan_trials
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.targets import Names

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The trials of a profile, in the order that `seed` fixes, and what they need."""

    loaded: LoadedProfile
    seed: int
    trials: list[Trial]
    names: Names
    resources: Resources

    @classmethod
    def of(cls, loaded: LoadedProfile, allow_remote: Collection[str] = ()) -> Self:
        """Plan the run of a profile.

        `allow_remote` are hosts that may be loaded though they are other machines, beside those of the profile. Raises
        LoadlabError where nothing could be measured.
        """
        seed = loaded.profile.seed if loaded.profile.seed is not None else secrets.randbelow(2**32)
        loaded = loaded.allowing(allow_remote)
        trials = plan_trials(loaded.profile, seed)
        return cls(loaded, seed, trials, names_for(trials), resources_for(loaded.profile))

    def measure(
        self,
        directory: RunDirectory,
        command: Sequence[str],
        observer: Observer,
        interruption: Interruption,
        calibrates: bool,
        cluster: "Cluster | None" = None,
    ) -> RunDocument:
        """Make all trials, as `Experiment.run` does, until they are done or `interruption` wants an end.

        The load comes from the machines of `cluster`; None is this machine.
        """
        context = RunContext(
            self.resources,
            observer,
            interruption.check,
            self.names,
            check_insistent=interruption.check_insistent,
        ).with_cluster(cluster)
        return Experiment(self.loaded, self.seed, command, context, directory).run(self.trials, calibrates)


def check_for_cluster(profile: Profile) -> None:
    """Raise LoadlabError for a profile that measures this machine itself, and so has no load for a cluster."""
    if not isinstance(profile, LoadProfile):
        raise LoadlabError(
            f"{profile.name} measures this machine without a load; run it without --cluster, on each machine that it "
            "is to measure"
        )


@contextmanager
def run_directory(loaded: LoadedProfile, out: Path | None, *others: LoadedProfile) -> Iterator[RunDirectory]:
    """Make a run directory, in `out` or for the duration of the block only; the `others` are measured beside it."""
    with ExitStack() as stack:
        parent = Path(stack.enter_context(TemporaryDirectory(prefix="loadlab-"))) if out is None else out
        directory = RunDirectory.create(parent, loaded.profile.name, loaded.text, datetime.now(UTC))
        directory.write_scenarios(source.files for each in (loaded, *others) for source in each.scenarios)
        yield directory
