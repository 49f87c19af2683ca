"""All trials of a profile, one after the other, and the run directory that grows with them."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from loadlab import __version__, host
from loadlab.analysis.conclusion import conclude
from loadlab.analysis.verdict import judge_failure, spoiled_by_machine
from loadlab.errors import ClusterFailed, NotPossible, ScenarioError, TargetDied, TrialFailed
from loadlab.experiment.batches import plan_batches
from loadlab.experiment.calibration import BEFORE_A_RUN, calibrate
from loadlab.experiment.context import RunContext
from loadlab.experiment.micro import MicroRun
from loadlab.experiment.passes import KeepStacks
from loadlab.experiment.rig import NO_LOGS, TrialLogs
from loadlab.experiment.rounds import Batch
from loadlab.experiment.trial import TrialRun
from loadlab.profile.loading import LoadedProfile
from loadlab.profile.masking import Masker, mask_command, mask_data
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.directory import SCENARIO_LOG, TARGET_LOG, RunDirectory
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

_ENOUGH_SPOILED: Final = 3


class Experiment:
    """One run of a profile. `document` is what it has found so far; each trial is on disk once it has ended.

    Neither holds credentials: those of the profile, of its data and of the command are masked.
    """

    def __init__(
        self, loaded: LoadedProfile, seed: int, command: Sequence[str], context: RunContext, directory: RunDirectory
    ) -> None:
        self._profile = loaded.profile
        self._masker = loaded.masker
        self._context = context
        self._directory = directory
        self._spoiled_in_a_row = 0  # trials, in spite of all attempts
        self.document = new_document(loaded, seed, command, trials_planned=0)

    def run(self, trials: Sequence[Trial], calibrates: bool = True) -> RunDocument:
        """Make all trials and return the document; before them, unless asked not to, measure the client's own error.

        Several machines are not calibrated: what each adds is among the figures of every trial.

        A trial that fails does not end the run, unless a client machine is lost: then no further trial is made. The
        context's `check` ends it too: then the document says `interrupted`. In both cases it holds what was measured
        until then. Raises ScenarioError, once the document is written, where the scenario of a trial cannot be run, and
        ReportError when the run directory cannot be written any more.
        """
        context, unusable = self._context, None
        self._change(trials_planned=len(trials))
        self._directory.write_document(self.document)
        try:
            if calibrates and context.cluster is None and isinstance(self._profile, LoadProfile):
                measured = calibrate([BEFORE_A_RUN], context)
                self._change(calibration=measured[0] if measured else None)
            for number, batch in enumerate(plan_batches(trials, client_bytes=context.client_bytes), start=1):
                context.check()
                if self._profile.in_rounds:
                    self._make_batch(number, batch)
                else:
                    for trial in batch:
                        self._make_until_clean(trial)
            context.check()
        except KeyboardInterrupt:
            self._change(interrupted=True)
        except ClusterFailed:
            pass  # which one, and why, is the reason of the trial that it failed
        except ScenarioError as error:
            unusable = error
        self._change(finished=now(), speed=context.speed.so_far(), client_speeds=context.client_speeds)
        self.document = conclude(self.document, self._profile)
        self._directory.write_document(self.document)
        if unusable is not None:
            raise unusable.masked(self._masker.mask)
        return self.document

    def _make_batch(self, number: int, trials: Sequence[Trial]) -> None:
        """Make trials that stand at the same time, in rounds. Raises what ends the run once they are kept."""
        batch = Batch(trials, self._context, number, partial(place_logs, self._directory))
        try:
            batch.measure(self._stacks_of)
        finally:
            spoiled = [mask_result(each, self._masker) for run in batch.runs for each in run.spoiled]
            self._change(spoiled=[*self.document.spoiled, *spoiled])
            for run in batch.runs:
                if run.has_begun:
                    self._keep(run.result(), run.latency_intervals())

    def _make_until_clean(self, trial: Trial) -> None:
        """Make a trial, and again if the machine spoils it, as often as the profile allows.

        Not where that has been of no use for several trials: the machine is as it is. Raises what ends the run once
        what was measured is kept.
        """
        retries = trial.profile.retries if isinstance(trial.profile, LoadProfile) else 0
        if self._spoiled_in_a_row >= _ENOUGH_SPOILED:
            retries = 0
        for attempt in range(1, retries + 2):
            self._context.check()
            self._context.observer.trial_begins(trial)
            result, run, end = self._make(trial)
            result = result.model_copy(update={"attempt": attempt})
            is_spoiled = result.state == "done" and spoiled_by_machine(result)
            if attempt > retries or not is_spoiled or end is not None:
                break
            self._change(spoiled=[*self.document.spoiled, mask_result(result, self._masker)])
        self._spoiled_in_a_row = self._spoiled_in_a_row + 1 if is_spoiled else 0
        self._keep(result, run.latency_intervals())
        if end is not None:
            raise end

    def _keep(self, result: TrialResult, latencies: Iterable[LatencyInterval]) -> None:
        """Write what came of a trial, and report it."""
        kept = keep_trial(self._directory, result, latencies, self._masker)
        self._change(trials=[*self.document.trials, kept])
        self._context.observer.trial_ended(kept)

    def _stacks_of(self, trial: Trial) -> KeepStacks | None:
        """Return what keeps the stacks of a trial under profilers; of repeats only the first is made again so."""
        return partial(self._directory.write_stacks, trial.id) if trial.repeat == 1 else None

    def _make(self, trial: Trial) -> tuple[TrialResult, TrialRun | MicroRun, ScenarioError | ClusterFailed | None]:
        """Make a trial; return what came of it, and what keeps others from being run."""
        run: TrialRun | MicroRun
        end: ScenarioError | ClusterFailed | None = None
        if isinstance(trial.profile, LoadProfile):
            logs = place_logs(self._directory, trial)
            run = TrialRun(trial, self._context, keep_stacks=self._stacks_of(trial), logs=logs)
        else:
            run = MicroRun(trial, self._context)
        try:
            run.measure()
            result = run.result("done", None)
        except NotPossible as lack:
            result = run.result("not possible", str(lack))
        except TrialFailed as failure:
            end = failure if isinstance(failure, ClusterFailed) else None
            verdict = judge_failure(str(failure), isinstance(failure, TargetDied))
            result = run.result("failed", str(failure)).model_copy(update={"verdict": verdict})
        except KeyboardInterrupt:
            result = run.result("interrupted", "stopped before its end")
        except ScenarioError as error:
            end = error
            # Behind its window it was teardown that failed.
            is_done = isinstance(run, TrialRun) and run.is_measured
            result = run.result(*(("done", None) if is_done else ("failed", error.reason)))
        return result, run, end

    def _change(self, **changes: object) -> None:
        self.document = self.document.model_copy(update=changes)


def new_document(loaded: LoadedProfile, seed: int, command: Sequence[str], trials_planned: int) -> RunDocument:
    """Return the document of a run that begins now, without credentials."""
    return RunDocument(
        loadlab=__version__,
        command=[loaded.masker.mask_values(argument) for argument in mask_command(command)],
        started=now(),
        seed=seed,
        profile=mask_data(loaded.profile.model_dump(mode="json", by_alias=True)),
        scenario_files={
            path: hashlib.sha256(text.encode()).hexdigest()
            for scenario in loaded.scenarios
            for path, text in scenario.files.items()
        },
        host=host.fingerprint(),
        verdict="invalid",
        trials=[],
        trials_planned=trials_planned,
    )


def place_logs(directory: RunDirectory, trial: Trial) -> TrialLogs:
    """Return the files for what programs of the user's print in a trial."""
    if not isinstance(trial.profile, LoadProfile):
        return NO_LOGS
    command, scenario = trial.profile.target.kind == "command", trial.profile.load.scenario is not None
    return TrialLogs(
        target=directory.place_log(trial.id, TARGET_LOG) if command else None,
        scenario=directory.place_log(trial.id, SCENARIO_LOG) if scenario else None,
    )


def keep_trial(
    directory: RunDirectory, result: TrialResult, latencies: Iterable[LatencyInterval], masker: Masker
) -> TrialResult:
    """Write what came of a trial to the run directory; return it as it stands there, without credentials."""
    if result.window_ns:
        directory.write_latency_log(result.id, latencies)
    for log in (TARGET_LOG, SCENARIO_LOG):
        directory.rewrite_log(result.id, log, masker.mask)
    masked = mask_result(result, masker)
    directory.write_trial(masked)
    return masked


def mask_result(result: TrialResult, masker: Masker) -> TrialResult:
    """Return the result of a trial without credentials in what servers, tools and scenarios have said."""
    mask = masker.mask
    findings = [
        each.model_copy(update={name: mask(getattr(each, name)) for name in ("text", "evidence", "advice")})
        for each in result.verdict.findings
    ]
    samples = [
        each.model_copy(update={name: mask(getattr(each, name)) for name in ("reason", "received", "traceback")})
        for each in result.failure_samples
    ]
    blocking = [each.model_copy(update={"code": mask(each.code)}) for each in result.blocking]
    return result.model_copy(
        update={
            "reason": None if result.reason is None else mask(result.reason),
            "verdict": result.verdict.model_copy(update={"findings": findings}),
            "failure_samples": samples,
            "blocking": blocking,
        }
    )


def now() -> str:
    """Return the time of day, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
