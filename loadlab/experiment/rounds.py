"""Trials whose rigs stand at the same time, measured in turn: in several rounds, each in an order of its own.

So all of them have their share of whatever the machine does meanwhile, and each figure has an interval.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final

from loadlab.analysis.verdict import judge_failure, spoiled_by_machine
from loadlab.errors import ClusterFailed, NotPossible, ScenarioError, TargetDied, TrialFailed
from loadlab.experiment.context import RunContext
from loadlab.experiment.passes import KeepStacks, Passes
from loadlab.experiment.result import trial_result
from loadlab.experiment.rig import NO_LOGS, Rig, TrialLogs
from loadlab.experiment.slices import SlicesRecord, end_slices, measure_slice, warm_up
from loadlab.processes import raise_open_files
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.recording.histogram import Histogram
from loadlab.recording.recorder import Metric
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.trial import Round, TrialResult, TrialState

ROUND: Final = "round"
"""How the phases of a batch begin in which its trials are measured in turn."""


class RoundsRun:
    """One trial under way that is measured in rounds. `result` says at any moment what came of it.

    It stands from `stand` until `close`. `spoiled` are attempts after which it was measured again. `reason` says why it
    has ended before its time, None as long as it has not.
    """

    def __init__(self, trial: Trial, context: RunContext, batch: int | None, logs: TrialLogs = NO_LOGS) -> None:
        assert isinstance(trial.profile, LoadProfile)
        self.trial = trial
        self.state: TrialState = "interrupted"
        self.reason: str | None = None
        self.spoiled: list[TrialResult] = []
        self._attempts: list[SlicesRecord] = []  # that were spoiled
        self._profile = trial.profile
        self._context = context
        self._batch = batch
        self._rig = Rig(trial.profile, trial.seed, context, logs=logs)
        self._record = SlicesRecord(self._rig)
        self._passes: Passes | None = None
        self._standing = ExitStack()
        self._target_died = False

    @property
    def has_ended(self) -> bool:
        """Whether it was not possible, or has failed: it is measured no more."""
        return self.state in ("not possible", "failed")

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to say of it."""
        return self.has_ended or bool(self._record.rounds)

    def stand(self) -> None:
        """Set up the rig, and let the load run for its warm-up. Raises what the context's `check` raises."""
        self._try(lambda: self._standing.enter_context(self._rig))
        if not self.has_ended:
            self._try(lambda: warm_up(self._rig))

    @property
    def rounds(self) -> list[Round]:
        """The figures of the rounds so far."""
        return [each.figures for each in self._record.rounds]

    @property
    def response_times(self) -> list[Histogram]:
        """The response times of the rounds so far."""
        return self._record.load.times(Metric.RESPONSE)

    def measure(self) -> None:
        """Measure one more round."""
        self._try(lambda: measure_slice(self._rig, self._profile.load.duration_ns, self._record))

    def read_speed(self) -> None:
        """Measure the speed of the machine now, unless it has ended: there may be no rig then."""
        if not self.has_ended:
            self._try(self._rig.read_speed)

    def end_rounds(self) -> None:
        """Count what stands after the last round; the trial is done."""
        self._try(lambda: end_slices(self._rig, self._record))
        if not self.has_ended:
            self.state = "done"

    def begin_again(self, result: TrialResult) -> None:
        """Put all rounds aside, which have given this result, and measure as many again."""
        self.spoiled.append(result)
        self._attempts.append(self._record)
        self.state = "interrupted"
        self._record = SlicesRecord(self._rig)

    def fall_back(self) -> None:
        """Where another attempt did not come to its end, let the one before it stand."""
        if self.state == "interrupted" and self._attempts:
            self._record = self._attempts.pop()
            self.spoiled.pop()
            self.state = "done"

    def watch(self, keep_stacks: KeepStacks) -> None:
        """Make the passes under profilers."""
        self._passes = Passes(self.trial, self._rig, self.result(), keep_stacks)
        self._passes.measure()

    def close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Take the rig down, which may be because of an error. Raises ScenarioError where a scenario's teardown fails.

        May be repeated.
        """
        self._standing.__exit__(kind, error, trace)

    def result(self) -> TrialResult:
        """Return what has been measured, and judged where there is something to judge."""
        rig, record = self._rig, self._record
        reason = "stopped before its end" if self.state == "interrupted" else self.reason
        machine = self._context.speed_of_target(rig.resources.target_on)
        result = trial_result(self.trial, self.state, reason, rig.resources, rig.idle, record, machine, rig.machines())
        result = result.model_copy(update={"attempt": len(self._attempts) + 1, "batch": self._batch})
        if self.state == "failed":
            result = result.model_copy(update={"verdict": judge_failure(self.reason or "", self._target_died)})
        if self._passes is None:
            return result
        return result.model_copy(update={"probes": self._passes.added_to(result.probes)})

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each round."""
        return self._record.load.latency_intervals()

    def _try(self, act: Callable[[], object]) -> None:
        """Do it; what goes wrong ends this trial, and no other one of the batch.

        Raises what ends all of them: ScenarioError where a scenario cannot be run, ClusterFailed where a client machine
        is lost.
        """
        try:
            act()
        except NotPossible as lack:
            self.state, self.reason = "not possible", str(lack)
        except TrialFailed as failure:
            self.state, self.reason = "failed", str(failure)
            self._target_died = isinstance(failure, TargetDied)
            self.close(type(failure), failure)
            if isinstance(failure, ClusterFailed):
                raise
        except ScenarioError as error:
            self.state, self.reason = "failed", error.reason
            raise


class Batch:
    """Trials that stand at the same time; there is one at least."""

    def __init__(
        self, trials: Sequence[Trial], context: RunContext, number: int, place_logs: Callable[[Trial], TrialLogs]
    ) -> None:
        self._context = context
        assert isinstance(trials[0].profile, LoadProfile)
        self._profile = trials[0].profile
        self._draw = random.Random(trials[0].seed)
        self.runs = [RoundsRun(trial, context, number, place_logs(trial)) for trial in trials]

    def measure(self, stacks_of: Callable[[Trial], KeepStacks | None]) -> None:
        """Measure all trials. One for which `stacks_of` returns None has no passes under profilers.

        Raises what the context's `check` raises. All processes of the batch have ended then.
        """
        raise_open_files()  # each process of each rig takes three pipes
        with ExitStack() as standing:
            for run in self.runs:
                self._context.observer.trial_begins(run.trial)
                standing.push(run.close)
                run.stand()
            try:
                self._measure_rounds([run for run in self.runs if not run.has_ended])
            finally:
                for run in self.runs:
                    run.fall_back()
            for run in self.runs:
                keep_stacks = stacks_of(run.trial)
                if run.state == "done" and keep_stacks is not None:
                    run.watch(keep_stacks)
            self._context.observer.phase("closing", None)

    def _measure_rounds(self, runs: Sequence[RoundsRun]) -> None:
        """Measure all rounds of these trials; and again, in as many, of those that the machine spoiled."""
        for attempt in range(self._profile.retries + 1):
            self._take_turns(runs)
            results = [(run, run.result()) for run in runs if run.state == "done"]
            spoiled = [(run, result) for run, result in results if spoiled_by_machine(result)]
            # If the machine has spoiled all of several trials again, it will go on like that.
            is_futile = attempt > 0 and len(spoiled) == len(runs) > 1
            if not spoiled or is_futile or attempt == self._profile.retries:
                return
            for run, result in spoiled:
                run.begin_again(result)
            runs = [run for run, _ in spoiled]

    def _take_turns(self, runs: Sequence[RoundsRun]) -> None:
        if not runs:
            return
        runs[0].read_speed()
        rounds = self._profile.rounds
        for number in range(1, rounds + 1):
            order = [run for run in self._draw.sample(runs, k=len(runs)) if not run.has_ended]
            for done, run in enumerate(order):
                fraction = (number - 1 + done / len(order)) / rounds
                self._context.observer.phase(f"{ROUND} {number} of {rounds}", fraction)
                run.measure()
                run.read_speed()
        for run in runs:
            if not run.has_ended:
                run.end_rounds()
