"""How response times, system calls and events per wait are distributed at both ends of a line, each as a histogram.

The mean of a call hides what kind of growth it is: all calls becoming slower, or a few of them very slow.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from loadlab.recording.histogram import Histogram
from loadlab.report.measures import NUMBER, TIME, Quantity
from loadlab.report.sections.why.ends import End, ProbedLine
from loadlab.results.probe_data import WAIT_CALLS, Buckets, CallCount, SyscallProfile

ReadLatencies = Callable[[str], Mapping[str, Histogram]]

_MOST_CALLS: Final = 3
# Response times are kept to three digits, calls in buckets that double.
_BINS_PER_DOUBLING: Final = 4


@dataclass(frozen=True, slots=True)
class Bin:
    """The values from `low` up to `high`, exclusive, and their share of all. Both have the unit of the panel."""

    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values at one end; `end` is its number, 0 for the lower x."""

    end: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class DistributionPanel:
    """One kind of value at both ends, or at the one where it was seen. `counted` is what a share is one of."""

    title: str
    quantity: Quantity
    counted: str
    distributions: tuple[Distribution, ...]


def distributions_of(line: ProbedLine, read_latencies: ReadLatencies) -> tuple[DistributionPanel, ...]:
    """Return the panels that have something: response times, events per wait, and the calls that take most time.

    Of those the ones that wait come first. `read_latencies` is as RunDirectory's.
    """
    panels = [
        _panel("Response time", TIME, "requests", line, lambda end: _response_bins(read_latencies(end.trial.id))),
        _panel("Events returned by a waiting call", NUMBER, "calls", line, _event_bins),
        *(_panel(f"Time in {name}", TIME, "calls", line, partial(_call_bins, name)) for name in _most_costly(line)),
    ]
    return tuple(panel for panel in panels if panel.distributions)


def _panel(
    title: str, quantity: Quantity, counted: str, line: ProbedLine, bins_at: Callable[[End], Iterable[Bin]]
) -> DistributionPanel:
    found = (Distribution(number, tuple(bins_at(end))) for number, end in enumerate(line.ends))
    return DistributionPanel(title, quantity, counted, tuple(one for one in found if one.bins))


def _response_bins(latencies: Mapping[str, Histogram]) -> Iterator[Bin]:
    histogram = latencies.get("response")
    if histogram is None or not histogram.count:
        return
    counts: Counter[int] = Counter()
    for step in histogram.hdr.get_recorded_iterator():
        counts[_place(step.value_iterated_to)] += step.count_added_in_this_iter_step
    for place in range(min(counts), max(counts) + 1):
        yield Bin(_edge(place), _edge(place + 1), counts[place] / histogram.count)


def _place(value_ns: int) -> int:
    return math.floor(math.log2(max(value_ns, 1)) * _BINS_PER_DOUBLING)


def _edge(place: int) -> float:
    return math.exp2(place / _BINS_PER_DOUBLING)


def _bins(buckets: Buckets) -> Iterator[Bin]:
    """Yield the bins of a tracer's buckets, without a gap. That of the value 0 is put from a half to one."""
    counts = {bound.bit_length(): count for bound, count in buckets}
    total = sum(counts.values())
    for bits in range(min(counts, default=0), max(counts, default=-1) + 1):
        yield Bin(2.0 ** (bits - 1), 2.0**bits, counts.get(bits, 0) / total)


def _event_bins(end: End) -> Iterator[Bin]:
    counts: Counter[int] = Counter()
    profile = _profile(end)
    for wait in (profile.waits or []) if profile else []:
        for bound, count in wait.histogram:
            counts[bound] += count
    return _bins(list(counts.items()))


def _call_bins(name: str, end: End) -> Iterator[Bin]:
    return _bins(next((call.latency_ns or [] for call in _calls(end) if call.name == name), []))


def _most_costly(line: ProbedLine) -> list[str]:
    times_ns: Counter[str] = Counter()
    for end in line.ends:
        for call in _calls(end):
            if call.latency_ns:
                times_ns[call.name] = max(times_ns[call.name], call.time_ns or 0)
    named = [name for name, _ in times_ns.most_common(_MOST_CALLS)]
    return sorted(named, key=lambda name: name not in WAIT_CALLS)


def _calls(end: End) -> list[CallCount]:
    profile = _profile(end)
    return profile.calls if profile else []


def _profile(end: End) -> SyscallProfile | None:
    return end.trial.probes.syscalls.target if end.trial.probes.syscalls else None
