"""What the probes saw grow from one end of a line to the other, and what looking cost, in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from loadlab.analysis.stacks import top_functions
from loadlab.report.measures import CPU_TOTAL, EVENTS_PER_WAIT
from loadlab.report.sections.why.calls import CallsOfRequest, calls_at, format_calls
from loadlab.report.sections.why.ends import End, ProbedLine
from loadlab.report.text.values import format_multiple
from loadlab.results.folded_stacks import Stacks
from loadlab.results.probe_data import WAIT_CALLS
from loadlab.units import format_duration_ns, format_share

# Times that differ by less scatter so from pass to pass.
_GREW: Final = 1.5
_SAME_CALLS: Final = 0.1
_MORE_SHARE: Final = 0.1
_SEEN: Final = 0.01
# No profiler makes a target faster by so much.
_DISTURBED: Final = 0.1


def describe_calls(line: ProbedLine) -> Iterator[str]:
    """Yield what became of the system calls from one end to the other; nothing where both were not traced."""
    if line.before is None:
        return
    before, after = calls_at(line.before), calls_at(line.after)
    if not before or not after:
        return
    stretch, counts = f"From {line.before.x} to {line.after.where}", _tell_counts(before, after)
    times, times_before = _times_ns(after), _times_ns(before)
    if not times:
        yield f"{stretch} {counts}."
        return
    name = max(times, key=lambda name: times[name] - times_before.get(name, 0.0))
    now_ns, earlier_ns = times[name], times_before.get(name, 0.0)
    now, earlier = format_duration_ns(now_ns), format_duration_ns(earlier_ns)
    if now_ns <= _GREW * earlier_ns:
        yield f"{stretch} no system call took much more of the time of a request; {counts}."
    elif earlier_ns == 0:
        yield f"{stretch} the time in {name} rose from nothing to {now} for each request; {counts}."
    else:
        multiple = format_multiple(now_ns / earlier_ns)
        yield f"{stretch} the time in {name} rose {multiple}-fold for each request, from {earlier} to {now}; {counts}."
    if name in WAIT_CALLS and now_ns > _GREW * earlier_ns:
        yield from _tell_waiting(line.before, line.after, now_ns - earlier_ns)


def describe_events(line: ProbedLine) -> Iterator[str]:
    """Yield how many events each waiting call returned, at each end where that was seen."""
    seen = [(EVENTS_PER_WAIT.read(end.trial), end) for end in line.ends]
    if told := _tell_ends([(f"{events:.3g}", end) for events, end in seen if events is not None], " events"):
        yield f"Each waiting call returned {told}."


def describe_functions(line: ProbedLine, before: Stacks, after: Stacks) -> Iterator[str]:
    """Yield which function's own share of the CPU samples grew most, if one took clearly more than before."""
    if line.before is None or not before or not after:
        return
    earlier, now = _own_shares(before), _own_shares(after)
    name = max(now, key=lambda name: now[name] - earlier.get(name, 0.0))
    share, share_before = now[name], earlier.get(name, 0.0)
    if share - share_before >= _MORE_SHARE and share >= _GREW * share_before:
        shares = [(_percent(share_before), line.before), (_percent(share), line.after)]
        yield f"Of the CPU samples {name} had {_tell_ends(shares)}."


def describe_cost(what: str, tools: str, slowdowns: Sequence[tuple[float | None, End]]) -> str:
    """Say that a probe had a pass of its own, and what it took of the throughput there."""
    known = [(slowdown, end) for slowdown, end in slowdowns if slowdown is not None]
    if all(slowdown < _SEEN for slowdown, _ in known):
        cost = "; it took nothing from the throughput that could be seen" if known else ""
    else:
        shares = [(_percent(max(slowdown, 0.0)), end) for slowdown, end in known]
        cost = f"; it took {_tell_ends(shares, ' of the throughput')}"
    faster = [(_percent(-slowdown), end) for slowdown, end in known if slowdown < -_DISTURBED]
    disturbed = f" That pass was faster by {_tell_ends(faster)}: it or the trial was disturbed." if faster else ""
    return f"{what} in a pass of its own by {tools}{cost}.{disturbed}"


def _tell_ends(told: Sequence[tuple[str, End]], unit: str = "") -> str:
    """One value for each end; unit and title of x are said once: `3 events at 0 connections and 9 at 1,000`."""
    texts = [f"{value}{unit if not number else ''}" for number, (value, _) in enumerate(told)]
    places = [end.x if number else end.where for number, (_, end) in enumerate(told)]
    return " and ".join(f"{text} at {place}" if place else text for text, place in zip(texts, places, strict=True))


def _own_shares(stacks: Stacks) -> dict[str, float]:
    """The share of each function itself; there are no more of them than stacks."""
    return {function.name: function.self_share for function in top_functions(stacks, len(stacks))}


def _percent(share: float) -> str:
    return format_share(round(share, 3))


def _tell_waiting(before: End, after: End, growth_ns: float) -> Iterator[str]:
    """A wait that grew tells of work only where the CPU time grew with it; else there was nothing to do, or no core."""
    cpu_before_ns, cpu_ns = (CPU_TOTAL.read(end.trial) for end in (before, after))
    if cpu_before_ns is not None and cpu_ns is not None and 2 * (cpu_ns - cpu_before_ns) < growth_ns:
        told = f"from {format_duration_ns(cpu_before_ns)} to {format_duration_ns(cpu_ns)}"
        yield f"Most of that was waiting: its CPU time for a request went {told}."


def _tell_counts(before: Mapping[str, CallsOfRequest], after: Mapping[str, CallsOfRequest]) -> str:
    earlier, now = (sum(call.calls for call in calls.values()) for calls in (before, after))
    if abs(now - earlier) <= _SAME_CALLS * earlier:
        return f"the calls per request stayed the same ({format_calls(now)})"
    verb = "rose" if now > earlier else "fell"
    return f"the calls per request {verb} from {format_calls(earlier)} to {format_calls(now)}"


def _times_ns(calls: Mapping[str, CallsOfRequest]) -> dict[str, float]:
    return {name: call.time_ns for name, call in calls.items() if call.time_ns is not None}
