"""The section that explains the growth: what the probes found at both ends of x, for the lines that matter most."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import plotly.graph_objects as go

from loadlab.analysis.stacks import top_functions
from loadlab.report.measures import CPU_TOTAL, EVENTS_PER_WAIT
from loadlab.report.sections.section import Run, Section
from loadlab.report.sections.why.calls import CallsOfRequest, calls_at, client_calls, compare_calls, format_calls
from loadlab.report.sections.why.costs import Missing, costs_of, describe_cost, missing_of
from loadlab.report.sections.why.distributions import DistributionPanel, distributions_of, draw_distributions
from loadlab.report.sections.why.ends import End, ProbedLine, describe_ends, probed_lines
from loadlab.report.sections.why.flames import LineFlames, flames_of
from loadlab.report.tables import PlainTable
from loadlab.results.folded_stacks import Stacks
from loadlab.results.probe_data import WAIT_CALLS, ProcessUsage
from loadlab.results.vocabulary import Vocabulary
from loadlab.units import format_duration_ns, format_multiple, format_share

# Times that differ by less scatter that much from pass to pass.
_GREW: Final = 1.5
_SAME_CALLS: Final = 0.1
_MORE_SHARE: Final = 0.1
_MOST_NAMED: Final = 4


@dataclass(frozen=True, slots=True)
class SeriesWhy:
    """One line: `flames` are those of each profiler, `flames_note` says what they cost; the note of `table` says it of
    the tracer. `ends` names the places on x that `distributions` and `flames` show, the lower one first.
    """

    name: str
    sentences: tuple[str, ...]
    ends: tuple[str, ...]
    distributions: tuple[DistributionPanel, ...]
    table: PlainTable | None
    flames: tuple[LineFlames, ...]
    flames_note: str
    client: str


@dataclass(frozen=True, slots=True)
class Why(Section):
    """`costs` are tables of the overhead of profiling; `missing` is what the probes could not see, and its fix."""

    series: tuple[SeriesWhy, ...]
    costs: tuple[PlainTable, ...]
    missing: tuple[Missing, ...]
    words: Vocabulary
    template: ClassVar[str] = "why/why.html"

    @property
    def assets(self) -> tuple[str, ...]:
        """What draws flame graphs, where there are any."""
        return ("why/flame",) if any(series.flames for series in self.series) else ()

    def draw(self) -> dict[str, go.Figure]:
        """Return the distributions of each line."""
        return {
            f"why-{line}-{number}": figure
            for line, series in enumerate(self.series)
            for number, figure in enumerate(draw_distributions(series.distributions))
        }


def sections_of(run: Run) -> Iterator[Why]:
    """Yield the section where a probe found or missed anything."""
    series = tuple(_explain(line, run) for line in probed_lines(run.arrangement))
    missing = missing_of(run.arrangement)
    if series or missing:
        yield Why(series, costs_of(run.arrangement), missing, run.words)


def _explain(line: ProbedLine, run: Run) -> SeriesWhy:
    flames = flames_of(line, run.read_stacks)
    compared = flames[0].compared if flames else None
    functions = _describe_functions(line, *compared) if compared else ()
    return SeriesWhy(
        name=line.name or "The target",
        sentences=(*_describe_calls(line, run.words.one), *_describe_events(line), *functions),
        ends=tuple(end.where or "in the window" for end in line.ends),
        distributions=distributions_of(line, run.read_latencies, run.words),
        table=compare_calls(line, _tracer_note(line), run.words.one),
        flames=flames,
        flames_note=_profiler_note(line) if flames else "",
        client=" ".join(_describe_client(line.after, run.words.one)),
    )


def _describe_calls(line: ProbedLine, one: str) -> Iterator[str]:
    """Yield how the system calls changed from one end to the other; nothing where both were not traced."""
    if line.before is None:
        return
    before, after = calls_at(line.before), calls_at(line.after)
    if not before or not after:
        return
    stretch, counts = f"From {line.before.x} to {line.after.where}", _compare_counts(before, after, one)
    times, times_before = _times_ns(after), _times_ns(before)
    if not times:
        yield f"{stretch} {counts}."
        return
    name = max(times, key=lambda name: times[name] - times_before.get(name, 0.0))
    now_ns, earlier_ns = times[name], times_before.get(name, 0.0)
    now, earlier = format_duration_ns(now_ns), format_duration_ns(earlier_ns)
    if now_ns <= _GREW * earlier_ns:
        yield f"{stretch} no system call takes much more time per {one}; {counts}."
    elif earlier_ns == 0:
        yield f"{stretch} the time in {name} rises from nothing to {now} per {one}; {counts}."
    else:
        multiple = format_multiple(now_ns / earlier_ns)
        yield f"{stretch} the time in {name} rises {multiple}-fold per {one}, from {earlier} to {now}; {counts}."
    if name in WAIT_CALLS and now_ns > _GREW * earlier_ns:
        yield from _describe_waiting(line.before, line.after, now_ns - earlier_ns, one)


def _describe_waiting(before: End, after: End, growth_ns: float, one: str) -> Iterator[str]:
    """A wait that grew is work only where the CPU time grew with it; else there was nothing to do, or no core."""
    cpu_before_ns, cpu_ns = (CPU_TOTAL.read(end.trial) for end in (before, after))
    if cpu_before_ns is not None and cpu_ns is not None and 2 * (cpu_ns - cpu_before_ns) < growth_ns:
        change = f"from {format_duration_ns(cpu_before_ns)} to {format_duration_ns(cpu_ns)}"
        yield f"Most of that is waiting, not work: CPU time per {one} goes {change}."


def _compare_counts(before: Mapping[str, CallsOfRequest], after: Mapping[str, CallsOfRequest], one: str) -> str:
    earlier, now = (sum(call.calls for call in calls.values()) for calls in (before, after))
    if abs(now - earlier) <= _SAME_CALLS * earlier:
        return f"the number of calls per {one} does not change ({format_calls(now)})"
    verb = "rises" if now > earlier else "falls"
    return f"the number of calls per {one} {verb} from {format_calls(earlier)} to {format_calls(now)}"


def _times_ns(calls: Mapping[str, CallsOfRequest]) -> dict[str, float]:
    return {name: call.time_ns for name, call in calls.items() if call.time_ns is not None}


def _describe_events(line: ProbedLine) -> Iterator[str]:
    """Yield how many events each waiting call returned, at each end where that was seen."""
    seen = [(EVENTS_PER_WAIT.read(end.trial), end) for end in line.ends]
    values = [(f"{events:.3g}", end) for events, end in seen if events is not None]
    if described := describe_ends(values, " events"):
        yield f"Each waiting call returns {described} on average."


def _describe_functions(line: ProbedLine, before: Stacks, after: Stacks) -> Iterator[str]:
    """Yield which function's own share of the CPU samples grew most, if one took clearly more, and not by chance."""
    if line.before is None or not before or not after:
        return
    earlier, now = _own_shares(before), _own_shares(after)
    name = max(now, key=lambda name: now[name] - earlier.get(name, 0.0))
    share, share_before = now[name], earlier.get(name, 0.0)
    growth = share - share_before
    if growth >= max(_MORE_SHARE, _chance(share_before, before, share, after)) and share >= _GREW * share_before:
        shares = [(_percent(share_before), line.before), (_percent(share), line.after)]
        yield f"{name} takes {describe_ends(shares, ' of the CPU samples')}."


def _chance(share_before: float, before: Stacks, share: float, after: Stacks) -> float:
    """Three standard errors of the difference of two shares: as much may change by chance, as in the flame graphs."""
    samples_before, samples = sum(before.values()), sum(after.values())
    pooled = (share_before * samples_before + share * samples) / (samples_before + samples)
    return 3 * math.sqrt(pooled * (1 - pooled) * (1 / samples_before + 1 / samples))


def _own_shares(stacks: Stacks) -> dict[str, float]:
    """The share of each function itself; there are no more of them than stacks."""
    return {function.name: function.self_share for function in top_functions(stacks, len(stacks))}


def _percent(share: float) -> str:
    return format_share(round(share, 3))


def _tracer_note(line: ProbedLine) -> str:
    probes = [(end.trial.probes.syscalls, end) for end in line.ends if calls_at(end)]
    tools = " and ".join(dict.fromkeys(probe.backend for probe, _ in probes if probe and probe.backend))
    cost = describe_cost("Counted", tools or "a tracer", [(probe.slowdown, end) for probe, end in probes if probe])
    timed = any(call.time_ns is not None for end in line.ends for call in calls_at(end).values())
    return f"{cost} Times are from entry to return, waiting included." if timed else cost


def _profiler_note(line: ProbedLine) -> str:
    probes = [(end.trial.probes.cpu, end) for end in line.ends]
    # All that ran in a pass share its overhead.
    ran = dict.fromkeys(profile.backend for cpu, _ in probes if cpu and cpu.target for profile in cpu.target.profiles)
    return describe_cost("Sampled", " and ".join(ran), [(cpu.slowdown, end) for cpu, end in probes if cpu])


def _describe_client(end: End, one: str) -> Iterator[str]:
    """Yield how busy target and client were at one end of a line, the client's calls per request, and its functions."""
    where = f"At {end.where}" if end.where else "Over the window"
    target, client = end.trial.target, end.trial.client
    if target and client:
        yield f"{where} the target keeps {_cores(target)} busy, the client {_cores(client)}."
    syscalls, cpu = end.trial.probes.syscalls, end.trial.probes.cpu
    if syscalls and (calls := [*client_calls(syscalls).values()][:_MOST_NAMED]):
        counts = ", ".join(f"{call.name} {format_calls(call.calls)}" for call in calls)
        yield f"The client's calls per {one}: {counts}."
    profiles = cpu.client.profiles if cpu and cpu.client else []
    if busiest := next((profile.top[:_MOST_NAMED] for profile in profiles if profile.top), None):
        shares = ", ".join(f"{function.name} {format_share(round(function.self_share, 2))}" for function in busiest)
        yield f"Its busiest functions ({profiles[0].backend}): {shares}."


def _cores(usage: ProcessUsage) -> str:
    return f"{usage.busy:.2f} cores"
