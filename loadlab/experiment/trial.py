"""One trial: a rig, a window on it, and a further window for each profiler that the profile asks for.

What has been measured is in the `TrialRun` at any moment, so that a trial that fails or is interrupted half-way still
has a result.
"""

from collections.abc import Iterator
from contextlib import suppress

from loadlab.errors import TrialFailed
from loadlab.experiment.context import RunContext
from loadlab.experiment.passes import KeepStacks, Passes
from loadlab.experiment.result import trial_result
from loadlab.experiment.rig import NO_LOGS, Rig, TrialLogs
from loadlab.experiment.window import Window, WindowRecord, measure_window
from loadlab.load.stamping import STAMPED_EVERY
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.trial import TrialResult, TrialState


class TrialRun:
    """One trial under way. `measure` makes it; `result` says at any moment what came of it.

    `is_measured` once its window is over.
    """

    def __init__(
        self,
        trial: Trial,
        context: RunContext,
        stamped_every: int = STAMPED_EVERY,
        keep_stacks: KeepStacks | None = None,
        logs: TrialLogs = NO_LOGS,
    ) -> None:
        """For one answer of `stamped_every` the kernel is asked when it arrived.

        Without `keep_stacks` there are no passes under profilers, whatever the profile asks for. `logs` keep what is
        printed.
        """
        assert isinstance(trial.profile, LoadProfile)
        self.trial = trial
        self._profile = trial.profile
        self._context = context
        self._rig = Rig(trial.profile, trial.seed, context, stamped_every, logs)
        self._window = WindowRecord(trial.profile)
        self._keep_stacks = keep_stacks
        self._passes: Passes | None = None
        self.is_measured = False

    def measure(self) -> None:
        """Run the trial from start to end.

        Raises NotPossible, TrialFailed when the target or a load process fails, or what the context's `check` raises.
        Either way all its processes have ended then. Once the window has been measured nothing of that is raised.
        ScenarioError is, at any time: where its scenario cannot be run, or its teardown fails.
        """
        load = self._profile.load
        with self._rig as rig:
            rig.read_speed()
            measure_window(rig, Window(load.warmup_ns, load.duration_ns), self._window)
            self.is_measured = True
            with suppress(TrialFailed):  # a client machine that is lost now is the next trial's affair
                rig.read_speed()
            if self._keep_stacks is not None:
                self._passes = Passes(self.trial, rig, self.result("done", None), self._keep_stacks)
                self._passes.measure()

    def result(self, state: TrialState, reason: str | None) -> TrialResult:
        """Return what has been measured, and judged where there is something to judge."""
        rig = self._rig
        machine = self._context.speed_of_target(rig.resources.target_on)
        result = trial_result(self.trial, state, reason, rig.resources, rig.idle, self._window, machine, rig.machines())
        if self._passes is None:
            return result
        return result.model_copy(update={"probes": self._passes.added_to(result.probes)})

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield the histograms of each interval of the measured window."""
        return self._window.load.latency_intervals()
