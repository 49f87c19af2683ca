"""The table of a line's system calls, with both ends of x beside each other."""

from collections.abc import Iterator, Mapping
from typing import Final

from loadlab.report.tables.plain import Group, PlainTable
from loadlab.report.why.ends import End, ProbedLine
from loadlab.report.why.requests import CallsOfRequest, target_calls
from loadlab.units import format_duration_ns, format_share

_DASH: Final = "\N{EN DASH}"
_MOST_ROWS: Final = 8
# Calls that are rarer than this at either end, a timer's or a log's, tell nothing of a request.
_LEAST_CALLS: Final = 0.0005

_Calls = Mapping[str, CallsOfRequest]


def compare_calls(line: ProbedLine, note: str) -> PlainTable | None:
    """Return the table of the most costly calls, the most costly first; None where no call was counted."""
    ends = [(end, calls) for end in line.ends if (calls := calls_at(end))]
    if not ends:
        return None
    is_timed = any(call.time_ns is not None for _, calls in ends for call in calls.values())
    titles = ("calls per request", "time per call", "time per request", "share") if is_timed else ("calls per request",)
    return PlainTable(
        title="System calls of the target",
        groups=tuple(Group(f"at {end.where}" if end.where else "in the window", len(titles)) for end, _ in ends),
        columns=("call", *titles * len(ends)),
        rows=tuple(
            (name, *(text for _, calls in ends for text in _cells(name, calls, is_timed=is_timed)))
            for name in _most_costly([calls for _, calls in ends])
        ),
        note=note,
    )


def calls_at(end: End) -> dict[str, CallsOfRequest]:
    """Return the target's calls at one end, empty where no tracer ran."""
    return target_calls(end.trial.probes.syscalls) if end.trial.probes.syscalls else {}


def format_calls(number: float) -> str:
    """Calls per request to three digits, never as a power of ten: `0.0035`, `2`."""
    return f"{number:.2f}" if number >= 0.1 else f"{number:.2g}"


def _most_costly(ends: list[_Calls]) -> list[str]:
    def weight(name: str) -> tuple[float, float]:
        found = [calls[name] for calls in ends if name in calls]
        return max(call.time_ns or 0.0 for call in found), max(call.calls for call in found)

    names = dict.fromkeys(name for calls in ends for name, call in calls.items() if call.calls >= _LEAST_CALLS)
    return sorted(names, key=weight, reverse=True)[:_MOST_ROWS]


def _cells(name: str, calls: _Calls, *, is_timed: bool) -> Iterator[str]:
    call = calls.get(name)
    yield _DASH if call is None else format_calls(call.calls)
    if not is_timed:
        return
    if call is None or call.time_ns is None or call.mean_ns is None:
        yield from (_DASH, _DASH, _DASH)
        return
    in_all_ns = sum(each.time_ns or 0.0 for each in calls.values())
    yield format_duration_ns(call.mean_ns)
    yield format_duration_ns(call.time_ns)
    yield format_share(round(call.time_ns / in_all_ns, 3)) if in_all_ns else _DASH
