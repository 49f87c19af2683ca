"""All trials of a profile, one after the other, and the run directory that grows with them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from loadlab import __version__, host
from loadlab.analysis.conclusion import conclude
from loadlab.analysis.verdict import judge_failure
from loadlab.errors import TargetDied, TrialFailed
from loadlab.experiment.calibration import BEFORE_A_RUN, calibrate
from loadlab.experiment.context import NotPossible, RunContext
from loadlab.experiment.micro import MicroRun
from loadlab.experiment.trial import TrialRun
from loadlab.profile.loading import LoadedProfile
from loadlab.profile.masking import Masker, mask_command, mask_data
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.directory import RunDirectory
from loadlab.results.model import RunDocument, TrialResult


class Experiment:
    """One run of a profile. `document` is what it has found so far; each trial is on disk once it has ended.

    Neither holds credentials: those of the profile, of its data and of the command are masked.
    """

    def __init__(
        self, loaded: LoadedProfile, seed: int, command: Sequence[str], context: RunContext, directory: RunDirectory
    ) -> None:
        self._profile = profile = loaded.profile
        self._masker = loaded.masker
        self._context = context
        self._directory = directory
        self.document = RunDocument(
            loadlab=__version__,
            command=[self._masker.mask_values(argument) for argument in mask_command(command)],
            started=_now(),
            seed=seed,
            profile=mask_data(profile.model_dump(mode="json", by_alias=True)),
            host=host.fingerprint(),
            verdict="invalid",
            trials=[],
            trials_planned=0,
        )

    def run(self, trials: Sequence[Trial], calibrates: bool = True) -> RunDocument:
        """Make all trials and return the document; before them, unless asked not to, measure the client's own error.

        A trial that fails does not end the run. The context's `check` does: then the document says `interrupted` and
        holds what was measured until then. Raises ReportError when the run directory cannot be written any more.
        """
        context = self._context
        self._change(trials_planned=len(trials))
        self._directory.write_document(self.document)
        try:
            if calibrates and isinstance(self._profile, LoadProfile):
                measured = calibrate([BEFORE_A_RUN], context)
                self._change(calibration=measured[0] if measured else None)
            for trial in trials:
                context.check()
                context.observer.trial_begins(trial)
                result = self._make(trial)
                self._change(trials=[*self.document.trials, result])
                self._directory.write_trial(result)
                context.observer.trial_ended(result)
            context.check()
        except KeyboardInterrupt:
            self._change(interrupted=True)
        self._change(finished=_now())
        self.document = conclude(self.document, self._profile)
        self._directory.write_document(self.document)
        return self.document

    def _make(self, trial: Trial) -> TrialResult:
        run: TrialRun | MicroRun
        if isinstance(trial.profile, LoadProfile):
            # Of repeats only the first is made again under profilers.
            keep_stacks = partial(self._directory.write_stacks, trial.id) if trial.repeat == 1 else None
            prints = trial.profile.target.kind == "command"
            target_log = self._directory.place_target_log(trial.id) if prints else None
            run = TrialRun(trial, self._context, keep_stacks=keep_stacks, target_log=target_log)
        else:
            run = MicroRun(trial, self._context)
        try:
            run.measure()
            result = run.result("done", None)
        except NotPossible as lack:
            result = run.result("not possible", str(lack))
        except TrialFailed as failure:
            verdict = judge_failure(str(failure), isinstance(failure, TargetDied))
            result = run.result("failed", str(failure)).model_copy(update={"verdict": verdict})
        except KeyboardInterrupt:
            result = run.result("interrupted", "stopped before its end")
        if result.window_ns:
            self._directory.write_latency_log(trial.id, run.latency_intervals())
        self._directory.rewrite_target_log(trial.id, self._masker.mask)
        return mask_result(result, self._masker)

    def _change(self, **changes: object) -> None:
        self.document = self.document.model_copy(update=changes)


def mask_result(result: TrialResult, masker: Masker) -> TrialResult:
    """Return the result of a trial without credentials in what servers and tools have said."""
    mask = masker.mask
    findings = [
        each.model_copy(update={name: mask(getattr(each, name)) for name in ("text", "evidence", "advice")})
        for each in result.verdict.findings
    ]
    samples = [
        each.model_copy(update={"reason": mask(each.reason), "received": mask(each.received)})
        for each in result.failure_samples
    ]
    return result.model_copy(
        update={
            "reason": None if result.reason is None else mask(result.reason),
            "verdict": result.verdict.model_copy(update={"findings": findings}),
            "failure_samples": samples,
        }
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
