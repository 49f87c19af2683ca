"""Latency histograms over time, in the HdrHistogram log format (version 1.3), which other tools read too.

Each line is one interval of one metric: `Tag=response,0.000,1.000,2.769,HISTF...`, that is start and length in
seconds, the largest value in milliseconds, and the histogram (in nanoseconds) in its V2 compressed form.

The lines are written here and not by hdrh.log.HistogramLogWriter: that one knows no tags, takes a start of 0 for
"not given", and cuts the largest value to whole milliseconds.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hdrh.codec import HdrCookieException, HdrLengthException

from loadlab.recording.histogram import Histogram
from loadlab.results.requests import KindLevel

_NS_PER_MS = 1e6
# HdrHistogram's own readers end a tag there.
_NOT_IN_TAGS = re.compile(r"[,\s]")


@dataclass(frozen=True, slots=True)
class LatencyInterval:
    """What was recorded between two moments, in seconds from the start of the measured window; one for each Metric."""

    start_seconds: float
    end_seconds: float
    histograms: Mapping[str, Histogram]


def tag_of(kind: str, level: KindLevel = "request") -> str:
    """Return what the histograms of a kind of request are tagged with behind their metric, as in `response/GET_/items`.

    Those of a scenario's step have `steps/` before its name, and those of its iterations are `iterations`.
    """
    name = _NOT_IN_TAGS.sub("_", kind)
    return {"request": name, "step": f"steps/{name}", "iteration": "iterations"}[level]


def format_latency_log(intervals: Iterable[LatencyInterval]) -> str:
    """Return the text of a log, one line for each metric of each interval."""
    return "".join(_format_lines(intervals))


def parse_latency_log(text: str) -> dict[str, Histogram]:
    """Return the histogram of each metric, merged over all intervals.

    Raises ValueError, with the line's number, for a line that is not of the log format.
    """
    merged: dict[str, Histogram] = {}
    for metric, histogram in _parse_lines(text):
        if metric in merged:
            merged[metric].merge(histogram)
        else:
            merged[metric] = histogram
    return merged


def parse_latency_rounds(text: str, metric: str) -> list[Histogram]:
    """Return the histogram of one metric in each interval that has it, in their order. Raises ValueError as above."""
    return [histogram for _, histogram in _parse_lines(text, metric)]


def _parse_lines(text: str, wanted: str | None = None) -> Iterator[tuple[str, Histogram]]:
    """Yield metric and histogram of each line, or of those of the metric that is wanted."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line[0] in '#"':  # a comment, or the legend
            continue
        try:
            tag, _start, _length, _largest, encoded = line.split(",")
            metric = tag.removeprefix("Tag=")
            if wanted in (None, metric):
                yield metric, Histogram.decode(encoded)
        except (ValueError, IndexError, zlib.error, HdrCookieException, HdrLengthException) as error:
            raise ValueError(f"line {number} is not an interval histogram ({error})") from error


def _format_lines(intervals: Iterable[LatencyInterval]) -> Iterator[str]:
    yield "#[Histogram log format version 1.3]\n"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    for interval in intervals:
        length_seconds = interval.end_seconds - interval.start_seconds
        for metric, histogram in interval.histograms.items():
            times = f"{interval.start_seconds:.3f},{length_seconds:.3f},{histogram.max_ns / _NS_PER_MS:.3f}"
            yield f"Tag={metric},{times},{histogram.encode()}\n"
