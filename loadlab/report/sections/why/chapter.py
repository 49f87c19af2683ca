"""The chapter as data: for each series, what grew, its calls and flame graphs, and the client beside."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from loadlab.report.layout import Arrangement
from loadlab.report.sections.tables import PlainTable
from loadlab.report.sections.why.calls import calls_at, client_calls, compare_calls, format_calls
from loadlab.report.sections.why.costs import Missing, costs_of, missing_of
from loadlab.report.sections.why.distributions import DistributionPanel, ReadLatencies, distributions_of
from loadlab.report.sections.why.ends import End, ProbedLine, probed_lines
from loadlab.report.sections.why.flames import LineFlames, ReadStacks, flames_of
from loadlab.report.sections.why.sentences import describe_calls, describe_cost, describe_events, describe_functions
from loadlab.results.probe_data import ProcessUsage
from loadlab.units import format_share

_MOST_NAMED: Final = 4


def describe_client(end: End) -> Iterator[str]:
    """Yield how busy target and client were at one end of a line, the client's calls per request, and its functions."""
    where = f"At {end.where}" if end.where else "Over the window"
    target, client = end.trial.target, end.trial.client
    if target and client:
        yield f"{where} the target kept {_cores(target)} busy, the client {_cores(client)}."
    syscalls, cpu = end.trial.probes.syscalls, end.trial.probes.cpu
    if syscalls and (calls := [*client_calls(syscalls).values()][:_MOST_NAMED]):
        yield f"Its calls per request: {', '.join(f'{call.name} {format_calls(call.calls)}' for call in calls)}."
    profiles = cpu.client.profiles if cpu and cpu.client else []
    if busiest := next((profile.top[:_MOST_NAMED] for profile in profiles if profile.top), None):
        shares = ", ".join(f"{function.name} {format_share(round(function.self_share, 2))}" for function in busiest)
        yield f"Its busiest functions ({profiles[0].backend}): {shares}."


def _cores(usage: ProcessUsage) -> str:
    return f"{usage.busy:.2f} cores"


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
class Chapter:
    """`costs` are tables of what looking took, `missing` is what could not be had, and what would give it."""

    series: tuple[SeriesWhy, ...]
    costs: tuple[PlainTable, ...]
    missing: tuple[Missing, ...]

    @property
    def has_flames(self) -> bool:
        """Whether the page needs what draws them."""
        return any(series.flames for series in self.series)


def chapter_of(arrangement: Arrangement, read_stacks: ReadStacks, read_latencies: ReadLatencies) -> Chapter | None:
    """Return the chapter, None where no probe found or missed anything.

    `read_stacks` and `read_latencies` are as RunDirectory's.
    """
    series = tuple(_tell(line, read_stacks, read_latencies) for line in probed_lines(arrangement))
    missing = missing_of(arrangement)
    return Chapter(series, costs_of(arrangement), missing) if series or missing else None


def _tell(line: ProbedLine, read_stacks: ReadStacks, read_latencies: ReadLatencies) -> SeriesWhy:
    flames = flames_of(line, read_stacks)
    compared = flames[0].compared if flames else None
    functions = describe_functions(line, *compared) if compared else ()
    return SeriesWhy(
        name=line.name or "The target",
        sentences=(*describe_calls(line), *describe_events(line), *functions),
        ends=tuple(end.where or "in the window" for end in line.ends),
        distributions=distributions_of(line, read_latencies),
        table=compare_calls(line, _tracer_note(line)),
        flames=flames,
        flames_note=_profiler_note(line) if flames else "",
        client=" ".join(describe_client(line.after)),
    )


def _tracer_note(line: ProbedLine) -> str:
    probes = [(end.trial.probes.syscalls, end) for end in line.ends if calls_at(end)]
    tools = " and ".join(dict.fromkeys(probe.backend for probe, _ in probes if probe and probe.backend))
    cost = describe_cost("Counted", tools or "a tracer", [(probe.slowdown, end) for probe, end in probes if probe])
    timed = any(call.time_ns is not None for end in line.ends for call in calls_at(end).values())
    return f"{cost} Times are from entry to return, waiting included." if timed else cost


def _profiler_note(line: ProbedLine) -> str:
    probes = [(end.trial.probes.cpu, end) for end in line.ends]
    # What a pass cost, it cost with all that ran in it.
    ran = dict.fromkeys(profile.backend for cpu, _ in probes if cpu and cpu.target for profile in cpu.target.profiles)
    return describe_cost("Sampled", " and ".join(ran), [(cpu.slowdown, end) for cpu, end in probes if cpu])
