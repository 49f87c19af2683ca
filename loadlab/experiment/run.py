"""All trials of a profile, one after the other, and the run directory that grows with them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from loadlab import __version__, host
from loadlab.analysis.expect import check_law_expectations
from loadlab.analysis.metrics import measured
from loadlab.analysis.scaling import fit_laws
from loadlab.analysis.verdict import judge_failure, judge_run
from loadlab.errors import TargetDied, TrialFailed
from loadlab.experiment.calibration import BEFORE_A_RUN, calibrate
from loadlab.experiment.micro import MicroRun
from loadlab.experiment.observer import Observer
from loadlab.experiment.passes import ProfiledPasses
from loadlab.experiment.placement import Conditions, NotPossible
from loadlab.experiment.trial import TrialRun
from loadlab.profile.schema import LoadProfile, Profile
from loadlab.profile.sweep import Trial
from loadlab.results.directory import RunDirectory
from loadlab.results.model import Law, RunDocument, Scalar, TrialResult


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
        self._profile = profile
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

    def run(self, trials: Sequence[Trial], check: Callable[[], None], calibrates: bool = True) -> RunDocument:
        """Make all trials and return the document; before them, unless told otherwise, measure the client's own error.

        A trial that fails does not end the run. `check` does, which is called many times a second and raises
        KeyboardInterrupt when the user wants an end: then the document says `interrupted` and holds what was measured
        until then. Raises ReportError when the run directory cannot be written any more.
        """
        self._update(trials_planned=len(trials))
        try:
            if calibrates and isinstance(self._profile, LoadProfile):
                measured = calibrate([BEFORE_A_RUN], self._conditions, self._observer, check)
                self._update(calibration=measured[0] if measured else None)
            for trial in trials:
                check()
                self._observer.trial_begins(trial)
                result = self._make(trial, check)
                self._add(result)
                self._observer.trial_ended(result)
            check()
            self._update(expectations=check_law_expectations(self._profile.expect, self.document.laws))
        except KeyboardInterrupt:
            self._update(interrupted=True)
        self._update(finished=_now())
        return self.document

    def _make(self, trial: Trial, check: Callable[[], None]) -> TrialResult:
        measurement = TrialRun if isinstance(trial.profile, LoadProfile) else MicroRun
        run = measurement(trial, self._conditions, self._observer, check)
        try:
            run.measure()
            result = run.result("done", None)
        except NotPossible as lack:
            result = run.result("not possible", str(lack))
        except TrialFailed as failure:
            verdict = judge_failure(str(failure), isinstance(failure, TargetDied))
            result = run.result("failed", str(failure)).model_copy(update={"verdict": verdict})
        except KeyboardInterrupt:
            result = run.result("interrupted", "interrupted before it was done")
        if result.window_ns:
            self._directory.write_latency_log(trial.id, run.latency_intervals())
        return self._profiled(trial, result, check) if result.state == "done" else result

    def _profiled(self, trial: Trial, first: TrialResult, check: Callable[[], None]) -> TrialResult:
        """Return the result with what the profilers see in passes of their own; of repeats only the first has them."""
        if not isinstance(trial.profile, LoadProfile) or trial.repeat > 1:
            return first
        passes = ProfiledPasses(trial, first, self._conditions, self._observer, check)
        probes = first.probes
        # Interrupted, the trial keeps what is there by then; the run ends at its next check.
        with suppress(KeyboardInterrupt):
            if (tracer := trial.profile.syscalls_tracer) is not None:
                probes = probes.model_copy(update={"syscalls": passes.watch_syscalls(tracer)})
            if "cpu" in trial.profile.probes:
                keep_stacks = partial(self._directory.write_stacks, trial.id)
                probes = probes.model_copy(update={"cpu": passes.watch_cpu(keep_stacks)})
        return first.model_copy(update={"probes": probes})

    def _add(self, result: TrialResult) -> None:
        trials = [*self.document.trials, result]
        self._update(trials=trials, verdict=judge_run(trials), laws=self._laws(trials))

    def _laws(self, trials: Sequence[TrialResult]) -> list[Law]:
        """Return how the cost (of one request to the target, or of one call) follows what the profile plots it over."""
        if self._profile.plot is None:
            return []
        over = self._profile.plot.x
        # Of repeats only the first was watched; what it saw holds for all.
        waits = {_combination(trial): trial.events_per_wait for trial in trials if trial.repeat == 1}
        metric = self._profile.law_metric
        return fit_laws(trials, metric, partial(measured, metric), over, lambda trial: waits.get(_combination(trial)))

    def _update(self, **changes: object) -> None:
        self.document = self.document.model_copy(update=changes)
        self._directory.write_document(self.document)


def _combination(trial: TrialResult) -> tuple[tuple[str, Scalar], ...]:
    return tuple(trial.factors.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
