"""The passes of a trial under profilers: further windows on its rig, what was seen in them, and how much it cost.

A profiler's cost falls on what it watches. So the figures of a trial come from a window without any, and each profiler
gets a window of its own on the same rig, whose throughput against the first says what it cost. Both sides are watched,
the target and the load workers, so that a reader sees what the client did too.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, cast

from loadlab.analysis.stacks import summarise_cpu
from loadlab.analysis.verdict import throughput_is_lower_bound
from loadlab.errors import TrialFailed
from loadlab.experiment.result import trial_result
from loadlab.experiment.rig import Rig
from loadlab.experiment.window import Window, WindowRecord, measure_window
from loadlab.probes.probe import OpenProbe, Probe, ProbeFailed
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.folded_stacks import CpuRecording, Stacks, folded_file
from loadlab.results.probe_data import (
    CpuProbe,
    Probes,
    Side,
    SyscallBackend,
    SyscallProfile,
    SyscallsProbe,
)
from loadlab.results.trial import TrialResult
from loadlab.serving.probing import ChosenProbe, open_probe

# The load has run on this rig already: what a pass needs is its first wave, not a warm server.
_LONGEST_WARMUP_NS: Final = 250_000_000

Result = TypeVar("Result")
Done = TypeVar("Done")
KeepStacks = Callable[[str, Stacks], None]
"""Given the name of a file and the stacks that it is to hold."""


@dataclass(frozen=True, slots=True)
class Pass(Generic[Result]):
    """What came of a pass: what was seen of each side, its result (None if it failed), and what went wrong."""

    seen: Mapping[Side, Result]
    result: TrialResult | None
    problems: list[str]


class Passes:
    """The passes of one trial that is done, on its rig; `first` is what came of it without profilers."""

    def __init__(self, trial: Trial, rig: Rig, first: TrialResult, keep_stacks: KeepStacks) -> None:
        self._trial = trial
        self._rig = rig
        self._first = first
        self._keep_stacks = keep_stacks
        self._syscalls: SyscallsProbe | None = None
        self._cpu: CpuProbe | None = None
        self._broken = False

    def measure(self) -> None:
        """Make all passes that the profile asks for. What goes wrong in one is part of its result.

        Interrupted, the trial keeps what is there by then; the run ends at its next check.
        """
        profile = self._trial.profile
        assert isinstance(profile, LoadProfile)
        with suppress(KeyboardInterrupt):
            if (tracer := profile.syscalls_tracer) is not None:
                self._syscalls = self._watch_syscalls(tracer)
            if "cpu" in profile.probes:
                self._cpu = self._watch_cpu()

    def added_to(self, probes: Probes) -> Probes:
        """Return `probes` with what the passes have found by now."""
        return probes.model_copy(update={"syscalls": self._syscalls, "cpu": self._cpu})

    def _watch_syscalls(self, tracer: str) -> SyscallsProbe:
        """Watch under that tracer of system calls, or if it is "" under the best that works here."""
        chosen = self._rig.ends.side.choose_probe("syscalls", tracer)
        missed = [*chosen.missed]
        if chosen.backend is None:
            which = f"{tracer} does not work here" if tracer else "no tracer of system calls works here"
            return SyscallsProbe(missed=missed, problems=[which])
        made: Pass[SyscallProfile] = self._watch(chosen, f"tracing with {chosen.backend}")
        target = made.seen.get("target")
        probe = SyscallsProbe(
            backend=cast(SyscallBackend, chosen.backend),
            missed=missed,
            problems=made.problems,
            slowdown=slowdown_of(self._first, made.result),
            requests=made.result.requests if made.result else None,
            window_ns=made.result.window_ns if made.result else None,
            target=target,
            client=made.seen.get("client"),
        )
        if target is None or made.result is None:
            return probe
        if chosen.can_be_switched:
            requests = probe.requests_within(target.window_ns)
        else:
            requests = made.result.requests + made.result.outcomes.get("cut", 0)
        return probe.model_copy(
            update={
                "calls_per_request": target.calls_per_request(requests),
                "eagain_per_request": target.eagain_per_request(requests),
                "events_per_wait": target.events_per_wait,
            }
        )

    def _watch_cpu(self) -> CpuProbe:
        chosen = self._rig.ends.side.choose_probe("cpu")
        if chosen.backend is None:
            return CpuProbe(problems=["no CPU profiler works here", *chosen.missed])
        made: Pass[CpuRecording] = self._watch(chosen, "profiling the CPU")
        for side, recording in made.seen.items():
            for recorded in recording.recorded:
                self._keep_stacks(folded_file(side, recorded.backend), recorded.stacks)
        summaries = {side: summarise_cpu(recording, side) for side, recording in made.seen.items()}
        return CpuProbe(
            slowdown=slowdown_of(self._first, made.result),
            problems=made.problems,
            target=summaries.get("target"),
            client=summaries.get("client"),
        )

    def _watch(self, chosen: ChosenProbe, phase: str) -> Pass[Any]:
        """Measure one more window with a probe on each side.

        One that cannot be switched sees all that happens from one idle moment to the next: it stands before the first
        request, so there is no warm-up, and goes when the last one in flight has been answered.
        """
        if self._broken:
            return Pass({}, None, ["there was no further pass: the target or the load had failed in the one before"])
        rig, load = self._rig, self._rig.profile.load
        rig.context.observer.phase(phase, None)
        warmup_ns = min(load.warmup_ns, _LONGEST_WARMUP_NS) if chosen.can_be_switched else 0
        window = Window(warmup_ns, load.duration_ns * rig.profile.rounds, phase)
        record = WindowRecord(rig.profile)
        side = rig.ends.side
        hosted = partial(side.open_probe, chosen) if side.is_watched and not rig.ends.target.pids() else None
        here = partial(open_probe, chosen)
        with BothSides(here, rig.context.check, ends_with_window=chosen.can_be_switched, hosted=hosted) as sides:
            try:
                measure_window(rig, window, record, sides)
            except TrialFailed as failure:
                self._broken = True
                return Pass({}, None, [f"the pass under the profiler failed: {failure}"])
            seen = sides.collect()
            problems = [f"{side}: {problem}" for side, problem in sides.problems.items()]
        result = trial_result(self._trial, "done", None, rig.resources, rig.idle, record)
        return Pass(seen, result, [*problems, *new_defects(self._first, result)])


class BothSides(Generic[Result]):
    """Two probes of one kind; a context manager that stops them.

    Each is opened with `check`. One that fails is stopped and watches no more. It costs its own result and nothing
    else: `problems` says why. Where they do not end with the window, they end when their results are collected.
    """

    def __init__(
        self,
        open_probe: OpenProbe[Result],
        check: Callable[[], None] = lambda: None,
        ends_with_window: bool = True,
        hosted: OpenProbe[Result] | None = None,
    ) -> None:
        """`hosted` opens that of a target on another machine, which knows its processes."""
        self._open_probe = open_probe
        self._hosted = hosted
        self._check = check
        self._ends_with_window = ends_with_window
        self._probes: dict[Side, Probe[Result]] = {}
        self.problems: dict[Side, str] = {}
        self._seen: dict[Side, Result] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for probe in self._probes.values():
            probe.stop()

    def prepare(self, target_pids: Collection[int], client_pids: Collection[int]) -> None:
        """Attach to the processes of both sides."""
        if self._hosted is not None:
            self._try("target", lambda: self._open("target", self._hosted).prepare(()))
        else:
            self._prepare("target", target_pids)
        self._prepare("client", client_pids)

    def begin(self) -> None:
        """Switch on."""
        for side, probe in [*self._probes.items()]:
            self._try(side, probe.begin)

    def look(self) -> None:
        """The window goes on."""
        for side, probe in [*self._probes.items()]:
            self._try(side, probe.look)

    def end(self) -> None:
        """The window is over."""
        if self._ends_with_window:
            self._finish()

    def collect(self) -> dict[Side, Result]:
        """Return what was seen, by side; a side whose probe failed is left out."""
        if not self._ends_with_window:
            self._finish()
        return self._seen

    def _finish(self) -> None:
        """Switch off, and take what was seen, while the watched processes live: many tools end with them."""
        for side, probe in [*self._probes.items()]:
            self._try(side, probe.end)
        seen = {side: self._try(side, probe.collect) for side, probe in [*self._probes.items()]}
        self._seen = {side: result for side, result in seen.items() if result is not None}

    def _prepare(self, side: Side, pids: Collection[int]) -> None:
        if pids:
            self._try(side, lambda: self._open(side).prepare(pids))
        else:
            self.problems[side] = "its processes are not on this machine"

    def _open(self, side: Side, hosted: OpenProbe[Result] | None = None) -> Probe[Result]:
        probe = self._probes[side] = (hosted or self._open_probe)(self._check)
        return probe

    def _try(self, side: Side, act: Callable[[], Done]) -> Done | None:
        try:
            return act()
        # Probes keep files and fifos of their own, and a full disc or a limit of open files is nothing they can help.
        except (ProbeFailed, OSError) as failure:
            self.problems[side] = str(failure)
            if probe := self._probes.pop(side, None):
                probe.stop()
            return None


def slowdown_of(first: TrialResult, second: TrialResult | None) -> float | None:
    """Return the part of the throughput that is lost in the second pass, 0.16 for 16 %; None if it is not known.

    Throughput shows it only where it was the target's limit. An open load has the same throughput whatever a request
    costs the target, and where the client was the bottleneck in either pass, it is the client that was slowed. In both
    cases the target's CPU time per request decides: a target that needs twice as much could serve half as many.
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

    The calls and samples of requests that failed under the profiler say little of those that succeed without it.
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
