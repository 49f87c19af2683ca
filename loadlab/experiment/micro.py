"""A trial without a network: one run of a micro worker, on a core of its own."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from pydantic import ValidationError

from loadlab.analysis.expect import check_expectations
from loadlab.analysis.verdict import judge_speed_again
from loadlab.errors import NotPossible, TrialFailed
from loadlab.experiment.context import RunContext
from loadlab.experiment.preflight import why_not_started
from loadlab.micro.messages import MicroFigures
from loadlab.processes import Child, module_command, spawn
from loadlab.profile.schema import SwitchCostProfile, WaitCostProfile
from loadlab.profile.sweep import Trial
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.trial import TrialResult, TrialState
from loadlab.results.verdict import Verdict

_LOOK_EVERY_SECONDS: Final = 0.1
_LIMITS_EXIT_CODE: Final = 2  # of the worker, if this machine's limits do not allow the measurement


class MicroRun:
    """One such trial under way. `measure` makes it; `result` says at any moment what came of it."""

    def __init__(self, trial: Trial, context: RunContext) -> None:
        self.trial = trial
        self._core = context.resources.placement.load[:1]
        self._context = context
        self._at: float | None = None
        self._figures: MicroFigures | None = None

    def measure(self) -> None:
        """Run the worker to its end.

        Raises NotPossible, TrialFailed when it fails, or what the context's `check` raises; it has ended then.
        """
        if lack := why_not_started(self.trial.profile):
            raise NotPossible(lack)
        self._context.observer.phase("measuring", None)
        # The speed of the core is read like that of a client: a microbenchmark has no other side.
        speed = self._context.speed
        speed.read((), self._core)
        self._at = speed.at
        command = module_command("loadlab.micro.worker")
        with spawn("microbenchmark", command, cpus=self._core, stdin=True, stdout=subprocess.PIPE) as worker:
            assert worker.stdin is not None
            with suppress(BrokenPipeError):  # it has ended already, and how is looked at below
                worker.stdin.write(json.dumps(self._part()).encode() + b"\n")
            worker.stdin.close()
            while worker.wait(_LOOK_EVERY_SECONDS) is None:
                self._context.check()
            if worker.poll() == _LIMITS_EXIT_CODE:
                raise NotPossible(worker.stderr_tail(1))
            if worker.poll() != 0:
                raise TrialFailed(worker.account())
            self._figures = _read_figures(worker)
        speed.read((), self._core)

    def result(self, state: TrialState, reason: str | None) -> TrialResult:
        """Return what has been measured."""
        figures = self._figures
        result = TrialResult(
            id=self.trial.id,
            repeat=self.trial.repeat,
            factors=self.trial.factors,
            state=state,
            reason=reason,
            verdict=Verdict(state="valid" if figures else "invalid"),
            at=self._at,
            placement={"load": list(self._core)},
            cost_ns=figures.cost_ns if figures else None,
            cost_ns_min=figures.cost_ns_min if figures else None,
            overhead_ns=figures.overhead_ns if figures else None,
            operation_ns=figures.operation_ns if figures else None,
            run_ns=figures.run_ns if figures else None,
            bytes_per_unit=figures.bytes_per_unit if figures else None,
        )
        if figures is None:
            return result
        machine = self._context.speed.so_far()
        if machine is not None:
            result = judge_speed_again(result, machine)
        return result.model_copy(update={"expectations": check_expectations(self.trial.profile.expect, result)})

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Yield nothing: there are no requests."""
        return iter(())

    def _part(self) -> dict[str, object]:
        profile = self.trial.profile
        if isinstance(profile, WaitCostProfile):
            return {"kind": profile.kind, **profile.wait.model_dump(mode="json", by_alias=True)}
        assert isinstance(profile, SwitchCostProfile)
        return {"kind": profile.kind, **profile.switch.model_dump(mode="json", by_alias=True)}


def _read_figures(worker: Child) -> MicroFigures:
    """Return what the worker printed. Raises TrialFailed if that is not its figures."""
    assert worker.stdout is not None
    printed = worker.stdout.read()
    try:
        return MicroFigures.model_validate_json(printed)
    except ValidationError:
        shown = printed[:80].decode(errors="replace")
        raise TrialFailed(f"{worker.name} printed {shown!r} in place of its figures") from None
