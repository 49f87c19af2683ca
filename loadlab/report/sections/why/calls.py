"""The system calls of one request by kind, as the tracer's pass counted and timed them: over x, and at both ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from loadlab.report.layout import Arrangement
from loadlab.report.measures import NUMBER, Measure
from loadlab.report.panels import Split
from loadlab.report.sections.why.ends import End, ProbedLine
from loadlab.report.tables import Group, PlainTable
from loadlab.results.probe_data import SyscallProfile, SyscallsProbe
from loadlab.results.trial import TrialResult
from loadlab.units import format_duration_ns, format_share

OTHERS: Final = "others"
_DASH: Final = "\N{EN DASH}"
_MOST_NAMED: Final = 5
_LEAST_DRAWN: Final = 0.0005
_LEAST_EAGAIN: Final = 0.01
_MOST_ROWS: Final = 8
# Rarer calls at both ends, such as a timer's or a log's, do not explain a request.
_LEAST_CALLS: Final = 0.0005


@dataclass(frozen=True, slots=True)
class CallsOfRequest:
    """One kind of call: how many a request took, and their time from entry to return; None where it was not taken."""

    name: str
    calls: float
    time_ns: float | None

    @property
    def mean_ns(self) -> float | None:
        """The time of one call."""
        return None if self.time_ns is None or not self.calls else self.time_ns / self.calls


def target_calls(probe: SyscallsProbe) -> dict[str, CallsOfRequest]:
    """Return the target's calls by name, the most frequent first; empty where none were counted."""
    return _per_request(probe, probe.target)


def client_calls(probe: SyscallsProbe) -> dict[str, CallsOfRequest]:
    """Return the client's calls in the same pass, of the same requests."""
    return _per_request(probe, probe.client)


def split_of_calls(arrangement: Arrangement) -> Split | None:
    """Return the calls of a request by kind, the most frequent first and the rare ones together last; None without."""
    most: dict[str, float] = {}
    for setting in arrangement.settings:
        for trial in setting.measured:
            for name, number in (_calls(trial) or {}).items():
                most[name] = max(number, most.get(name, 0.0))
    drawn = [name for name in sorted(most, key=lambda name: -most[name]) if most[name] >= _LEAST_DRAWN]
    if not drawn:
        return None
    named = drawn[: _MOST_NAMED if len(drawn) > _MOST_NAMED + 1 else _MOST_NAMED + 1]
    measures = [_calls_named(name) for name in named]
    if len(drawn) > len(named):
        measures.append(_calls_beside(frozenset(named)))
    one = arrangement.words.one
    return Split(f"System calls of the target per {one}", tuple(measures), f"per {one}")


def describe_eagain(arrangement: Arrangement) -> str:
    """Say how many calls returned EAGAIN, for each line that has more than a few of them; empty where none has."""
    most: dict[str, float] = {}
    for setting in arrangement.settings:
        for trial in setting.measured:
            syscalls = trial.probes.syscalls
            if syscalls and (number := syscalls.eagain_per_request or 0.0) >= _LEAST_EAGAIN:
                name = arrangement.line_names[setting.line] or "the target"
                most[name] = max(number, most.get(name, 0.0))
    counts = [f"{name} {number:.2f}" for name, number in sorted(most.items(), key=lambda each: -each[1])]
    return f"Calls that returned EAGAIN, at most, per {arrangement.words.one}: {', '.join(counts)}." if counts else ""


def compare_calls(line: ProbedLine, note: str, one: str = "request") -> PlainTable | None:
    """Return the table of the most costly calls, the most costly first; None where no call was counted."""
    ends = [(end, calls) for end in line.ends if (calls := calls_at(end))]
    if not ends:
        return None
    is_timed = any(call.time_ns is not None for _, calls in ends for call in calls.values())
    titles = (f"calls per {one}", "time per call", f"time per {one}", "share") if is_timed else (f"calls per {one}",)
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


def _per_request(probe: SyscallsProbe, profile: SyscallProfile | None) -> dict[str, CallsOfRequest]:
    requests = probe.requests_within(profile.window_ns) if profile else 0.0
    if not profile or not requests:
        return {}
    return {
        call.name: CallsOfRequest(
            call.name, call.calls / requests, None if call.time_ns is None else call.time_ns / requests
        )
        for call in profile.calls
    }


def _calls(trial: TrialResult) -> dict[str, float] | None:
    syscalls = trial.probes.syscalls
    return (syscalls.calls_per_request or None) if syscalls else None


def _calls_named(name: str) -> Measure:
    """The calls of one kind; a trial that was watched and made none of them has 0."""

    def read(trial: TrialResult) -> float | None:
        calls = _calls(trial)
        return None if calls is None else calls.get(name, 0.0)

    return Measure(f"probes.syscalls.calls_per_request.{name}", name, NUMBER, read)


def _calls_beside(named: frozenset[str]) -> Measure:
    def read(trial: TrialResult) -> float | None:
        calls = _calls(trial)
        return None if calls is None else sum(number for name, number in calls.items() if name not in named)

    return Measure("probes.syscalls.calls_per_request", OTHERS, NUMBER, read)


_Calls = Mapping[str, CallsOfRequest]


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
