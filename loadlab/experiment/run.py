"""All trials of a profile, one after the other, and the run directory that grows with them."""

import os
import resource
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from loadlab import __version__, host
from loadlab.analysis.verdict import judge_run
from loadlab.errors import LoadlabError, TrialFailed
from loadlab.experiment.observer import Observer
from loadlab.experiment.trial import Conditions, NotPossible, TrialRun
from loadlab.processes import Placement, choose_placement
from loadlab.profile.schema import Cores, Profile
from loadlab.profile.sweep import Trial
from loadlab.results.directory import RunDirectory
from loadlab.results.model import RunDocument, TrialResult


class Experiment:
    """One run of a profile. `document` is what it has found so far; it is on disk after each trial."""

    def __init__(
        self,
        profile: Profile,
        seed: int,
        command: Sequence[str],
        conditions: Conditions,
        directory: RunDirectory,
        observer: Observer,
    ) -> None:
        self._conditions = conditions
        self._directory = directory
        self._observer = observer
        self.document = RunDocument(
            loadlab=__version__,
            command=list(command),
            started=_now(),
            seed=seed,
            profile=profile.model_dump(mode="json", by_alias=True),
            host=host.fingerprint(),
            verdict="invalid",
            trials=[],
            trials_planned=0,
        )

    def run(self, trials: Sequence[Trial], check: Callable[[], None]) -> RunDocument:
        """Make all trials and return the document.

        A trial that fails does not end the run. `check` does, which is called many times a second and raises
        KeyboardInterrupt when the user wants an end: then the document says `interrupted` and holds what was measured
        until then. Raises ReportError when the run directory cannot be written any more.
        """
        self._update(trials_planned=len(trials))
        try:
            for trial in trials:
                check()
                self._observer.trial_begins(trial)
                result = self._make(trial, check)
                self._add(result)
                self._observer.trial_ended(result)
            check()
        except KeyboardInterrupt:
            self._update(interrupted=True)
        self._update(finished=_now())
        return self.document

    def _make(self, trial: Trial, check: Callable[[], None]) -> TrialResult:
        run = TrialRun(trial, self._conditions, self._observer, check)
        try:
            run.measure()
            result = run.result("done", None)
        except NotPossible as lack:
            result = run.result("not possible", str(lack))
        except TrialFailed as failure:
            result = run.result("failed", str(failure))
        except KeyboardInterrupt:
            result = run.result("interrupted", "interrupted before it was done")
        if result.window_ns:
            self._directory.write_latency_log(trial.id, run.latency_intervals())
        return result

    def _add(self, result: TrialResult) -> None:
        trials = [*self.document.trials, result]
        self._update(trials=trials, verdict=judge_run(trials))

    def _update(self, **changes: object) -> None:
        self.document = self.document.model_copy(update=changes)
        self._directory.write_document(self.document)


def conditions_of(profile: Profile) -> Conditions:
    """Return what this machine gives the trials. Raises LoadlabError where the profile's placement asks for more."""
    available = os.sched_getaffinity(0)
    placement = choose_placement(available)
    if isinstance(profile.placement, Cores):
        placement = Placement(target=profile.placement.target, load=profile.placement.load)
        if missing := sorted({*placement.target, *placement.load} - available):
            raise LoadlabError(
                f"placement: core {missing[0]} is not among the cores that loadlab may use here "
                f"({', '.join(map(str, sorted(available)))}); name others, or say auto"
            )
    return Conditions(placement, profile.placement != "none", resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
