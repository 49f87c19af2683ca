"""The further passes of a trial, under profilers: what they saw, and how much they slowed it down.

A profiler's cost falls on what it watches. So the figures of a trial come from a pass without any, and each profiler
gets a pass of its own, whose throughput against the first tells what it cost.
"""

from collections.abc import Callable
from typing import Final

from loadlab.analysis.stacks import summarise_cpu
from loadlab.errors import TrialFailed
from loadlab.experiment.conditions import Conditions, NotPossible
from loadlab.experiment.observer import Observer
from loadlab.experiment.trial import TrialRun
from loadlab.experiment.watch import BothSides, Result, Side
from loadlab.probes.cpu.probe import CpuProbe as CpuSampling
from loadlab.probes.probe import Probe
from loadlab.probes.syscalls.choice import choose_backend
from loadlab.profile.sweep import Trial
from loadlab.results.cpu import Stacks, folded_file
from loadlab.results.model import CpuProbe, SyscallsProbe, TrialResult
from loadlab.results.syscalls import calls_per_request, eagain_per_request, events_per_wait

_NANOSECONDS: Final = 1_000_000_000


class ProfiledPasses:
    """The passes of one trial that is done; `first` is what came of it without profilers."""

    def __init__(
        self, trial: Trial, first: TrialResult, conditions: Conditions, observer: Observer, check: Callable[[], None]
    ) -> None:
        self._trial = trial
        self._first = first
        self._conditions = conditions
        self._observer = observer
        self._check = check

    def watch_syscalls(self, tracer: str) -> SyscallsProbe:
        """Make the trial again under that tracer of system calls, or if it is "" under the best that works here."""
        choice = choose_backend(tracer or None)
        missed = [f"{missed.name}: {missed.lack.why}; {missed.lack.fix}" for missed in choice.missed]
        if choice.backend is None:
            which = f"{tracer} does not work here" if tracer else "no tracer of system calls works here"
            return SyscallsProbe(missed=missed, problems=[which])
        seen, second, problems = self._watch(choice.backend.open_probe, f"tracing with {choice.backend.name}")
        target = seen.get("target")
        requests = 0
        if target is not None and second is not None and second.requests_per_second is not None:
            requests = round(second.requests_per_second * target.window_ns / _NANOSECONDS)
        return SyscallsProbe(
            backend=choice.backend.name,
            missed=missed,
            problems=problems,
            slowdown=slowdown_of(self._first, second),
            calls_per_request=calls_per_request(target, requests) if target else {},
            eagain_per_request=eagain_per_request(target, requests) if target else None,
            events_per_wait=events_per_wait(target) if target else {},
            target=target,
            client=seen.get("client"),
        )

    def watch_cpu(self, keep_stacks: Callable[[str, Stacks], None]) -> CpuProbe:
        """Make the trial again under the CPU profilers; `keep_stacks` is given each file's name and what it holds."""
        seen, second, problems = self._watch(CpuSampling, "profiling the CPU")
        for side, recording in seen.items():
            for recorded in recording.recorded:
                keep_stacks(folded_file(side, recorded.backend), recorded.stacks)
        summaries = {side: summarise_cpu(recording, side) for side, recording in seen.items()}
        return CpuProbe(
            slowdown=slowdown_of(self._first, second),
            problems=problems,
            target=summaries.get("target"),
            client=summaries.get("client"),
        )

    def _watch(
        self, open_probe: Callable[[], Probe[Result]], doing: str
    ) -> tuple[dict[Side, Result], TrialResult | None, list[str]]:
        """Make the trial again with a probe on each side; return what they saw, the result, and what went wrong."""
        self._observer.phase(doing, None)
        with BothSides(open_probe) as sides:
            run = TrialRun(self._trial, self._conditions, self._observer, self._check, watch=sides)
            try:
                run.measure()
            except (TrialFailed, NotPossible) as failure:
                return {}, None, [f"the pass under the profiler failed: {failure}"]
            seen = sides.collect()
            problems = [f"{side}: {problem}" for side, problem in sides.problems.items()]
        return seen, run.result("done", None), problems


def slowdown_of(first: TrialResult, second: TrialResult | None) -> float | None:
    """Return the part of the throughput that is lost in the second pass, 0.16 for 16 %; None if it is not known.

    An open load has the same throughput whatever it costs the target, so there it is what a request costs in CPU time
    that tells: a target that needs twice as much could serve half as many.
    """
    if second is None:
        return None
    if first.load_model == "open":
        before, after = (_cpu_per_request(result) for result in (second, first))
    else:
        before, after = first.requests_per_second, second.requests_per_second
    return None if before is None or after is None or not before else 1 - after / before


def _cpu_per_request(result: TrialResult) -> float | None:
    usage = result.target
    return usage.cpu_ns / result.requests if usage is not None and result.requests else None
