"""Histograms of response times, system calls and events per wait at both ends of a line.

A mean does not show whether all calls became slower, or a few of them very slow.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import plotly.graph_objects as go

from loadlab.recording.histogram import Histogram
from loadlab.report.curves import ReadLatencies
from loadlab.report.drawing.figure import compose_figure, hover_text, mark_of
from loadlab.report.drawing.scales import Scale, events_scale, span_scale, value_scale
from loadlab.report.measures import NUMBER, SHARE, TIME, Quantity
from loadlab.report.sections.why.ends import End, ProbedLine
from loadlab.results.probe_data import WAIT_CALLS, Buckets, CallCount, SyscallProfile
from loadlab.results.vocabulary import REQUESTS, Vocabulary
from loadlab.units import format_share

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


def distributions_of(
    line: ProbedLine, read_latencies: ReadLatencies, words: Vocabulary = REQUESTS
) -> tuple[DistributionPanel, ...]:
    """Return the panels that have something: response times, events per wait, and the calls that take most time.

    Of those the ones that wait come first. `read_latencies` is as RunDirectory's.
    """
    panels = [
        _panel(words.time, TIME, words.many, line, lambda end: _response_bins(read_latencies(end.trial.id))),
        _panel("Events returned by a waiting call", NUMBER, "calls", line, _event_bins),
        *(_panel(f"Time in {name}", TIME, "calls", line, partial(_call_bins, name)) for name in _most_costly(line)),
    ]
    return tuple(panel for panel in panels if panel.distributions)


def draw_distributions(panels: Sequence[DistributionPanel]) -> tuple[go.Figure, ...]:
    """Return a figure for each panel, shares over values; all times have the same axis."""
    times = [panel for panel in panels if panel.quantity is TIME]
    return tuple(
        compose_figure(
            [_step_trace(panel, distribution) for distribution in panel.distributions],
            _x_scale(times) if panel in times else _x_scale([panel]),
            value_scale([each.share for each in _all_bins([panel])], SHARE),
            "",
        )
        for panel in panels
    )


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


def _x_scale(panels: Sequence[DistributionPanel]) -> Scale:
    bins = [*_all_bins(panels)]
    low, high = min(each.low for each in bins), max(each.high for each in bins)
    return span_scale(low, high, TIME) if panels[0].quantity is TIME else events_scale(low, high)


def _all_bins(panels: Iterable[DistributionPanel]) -> Iterable[Bin]:
    return (each for panel in panels for distribution in panel.distributions for each in distribution.bins)


def _step_trace(panel: DistributionPanel, distribution: Distribution) -> go.Scatter:
    bins = distribution.bins
    # From the ground up at the first edge, along each bin, and back to the ground at the last.
    edges = [edge for each in bins for edge in (each.low, each.high)]
    shares = [share for each in bins for share in (each.share, each.share)]
    texts = [text for each in bins for text in [_hover(panel, each)] * 2]
    return go.Scatter(
        x=[edges[0], *edges, edges[-1]],
        y=[0.0, *shares, 0.0],
        mode="lines",
        line={"width": 2, "shape": "linear"},
        fill="tozeroy",
        hoverinfo="text",
        hovertext=["", *texts, ""],
        meta={"line": distribution.end, "colour": mark_of(distribution.end).colour},
    )


def _hover(panel: DistributionPanel, one: Bin) -> str:
    share = f"{format_share(round(one.share, 4))} of the {panel.counted}"
    if panel.quantity is TIME:
        return hover_text("", share, f"took {TIME.format(one.low)} to {TIME.format(one.high)}")
    fewest, most = int(one.low), int(one.high) - 1
    events = "none" if most < 1 else f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return hover_text("", share, f"returned {events}")
