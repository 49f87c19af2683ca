"""The further passes of a trial, under profilers: what they saw, and how much they slowed it down.

A profiler's cost falls on what it watches. So the figures of a trial come from a pass without any, and each profiler
gets a pass of its own, whose throughput against the first tells what it cost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from loadlab.analysis.stacks import summarise_cpu
from loadlab.analysis.verdict.client import throughput_is_lower_bound
from loadlab.errors import TrialFailed
from loadlab.experiment.observer import Observer
from loadlab.experiment.placement import Conditions, NotPossible
from loadlab.experiment.trial import TrialRun
from loadlab.experiment.watch import BothSides, Result, Side
from loadlab.probes.cpu.probe import CpuProbe as CpuSampling
from loadlab.probes.cpu.probe import why_none_works
from loadlab.probes.probe import OpenProbe
from loadlab.probes.syscalls.choice import choose_backend
from loadlab.profile.sweep import Trial
from loadlab.results.folded_stacks import Stacks, folded_file
from loadlab.results.model import TrialResult
from loadlab.results.probe_data import CpuProbe, SyscallsProbe, calls_per_request, eagain_per_request, events_per_wait


@dataclass(frozen=True, slots=True)
class Pass(Generic[Result]):
    """What came of a pass: what was seen of each side, its result (None if it failed), and what went wrong."""

    seen: Mapping[Side, Result]
    result: TrialResult | None
    problems: list[str]


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
        made = self._watch(choice.backend.open_probe, f"tracing with {choice.backend.name}")
        target = made.seen.get("target")
        probe = SyscallsProbe(
            backend=choice.backend.name,
            missed=missed,
            problems=made.problems,
            slowdown=slowdown_of(self._first, made.result),
            requests=made.result.requests if made.result else None,
            window_ns=made.result.window_ns if made.result else None,
            target=target,
            client=made.seen.get("client"),
        )
        if target is None:
            return probe
        requests = probe.requests_within(target.window_ns)
        return probe.model_copy(
            update={
                "calls_per_request": calls_per_request(target, requests),
                "eagain_per_request": eagain_per_request(target, requests),
                "events_per_wait": events_per_wait(target),
            }
        )

    def watch_cpu(self, keep_stacks: Callable[[str, Stacks], None]) -> CpuProbe:
        """Make the trial again under the CPU profilers; `keep_stacks` is given each file's name and what it holds."""
        if lacks := why_none_works():
            return CpuProbe(problems=["no CPU profiler works here", *lacks])
        made = self._watch(CpuSampling, "profiling the CPU")
        for side, recording in made.seen.items():
            for recorded in recording.recorded:
                keep_stacks(folded_file(side, recorded.backend), recorded.stacks)
        summaries = {side: summarise_cpu(recording, side) for side, recording in made.seen.items()}
        return CpuProbe(
            slowdown=slowdown_of(self._first, made.result),
            problems=made.problems,
            target=summaries.get("target"),
            client=summaries.get("client"),
        )

    def _watch(self, open_probe: OpenProbe[Result], doing: str) -> Pass[Result]:
        """Make the trial again with a probe on each side."""
        self._observer.phase(doing, None)
        with BothSides(open_probe, self._check) as sides:
            run = TrialRun(self._trial, self._conditions, self._observer, self._check, watch=sides)
            try:
                run.measure()
            except (TrialFailed, NotPossible) as failure:
                return Pass({}, None, [f"the pass under the profiler failed: {failure}"])
            seen = sides.collect()
            problems = [f"{side}: {problem}" for side, problem in sides.problems.items()]
        result = run.result("done", None)
        return Pass(seen, result, [*problems, *new_defects(self._first, result)])


def slowdown_of(first: TrialResult, second: TrialResult | None) -> float | None:
    """Return the part of the throughput that is lost in the second pass, 0.16 for 16 %; None if it is not known.

    Throughput tells only where it was the target's limit. An open load has the same whatever it costs the target, and
    where the client was the bottleneck in either pass, it is the client that was slowed. There it is what a request
    costs the target in CPU time that tells: a target that needs twice as much could serve half as many.
    """
    if second is None:
        return None
    if first.load_model == "open" or any(throughput_is_lower_bound(each) for each in (first, second)):
        before, after = (_cpu_per_request(result) for result in (second, first))
    else:
        before, after = first.requests_per_second, second.requests_per_second
    return None if before is None or after is None or not before else 1 - after / before


def new_defects(first: TrialResult, second: TrialResult) -> list[str]:
    """Return what makes the second pass invalid and not the first, a sentence each.

    The calls and samples of requests that failed under the profiler tell little of those that did not without it.
    """
    known = {finding.code for finding in first.verdict.findings}
    return [
        f"the pass under the profiler was invalid: {finding.text} ({finding.evidence})"
        for finding in second.verdict.findings
        if finding.severity == "invalid" and finding.code not in known
    ]


def _cpu_per_request(result: TrialResult) -> float | None:
    usage = result.target
    return usage.cpu_ns / result.requests if usage is not None and result.requests else None
