"""What bpftrace prints for watch.bt with `-f json`, as a profile: one JSON object a line, one line for each map."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from errno import EAGAIN
from typing import Any, Final

from loadlab.probes.probe import ProbeFailed
from loadlab.probes.syscalls.call_names import name_call
from loadlab.results.syscalls import Buckets, CallCount, EventsPerWait, SyscallProfile

_LATENCY_UNIT_NS: Final = 128  # as watch.bt divides


@dataclass(frozen=True, slots=True)
class _Errors:
    """Failed calls by number of the call."""

    all: Counter[int]
    eagain: Counter[int]


def parse_profile(output: str, names: Mapping[int, str], window_ns: int) -> SyscallProfile:
    """Make a profile of bpftrace's whole output. Raises ProbeFailed where it is not what watch.bt makes it print."""
    try:
        maps = _parse_maps(output.splitlines())
        latencies = _parse_histograms(maps["@latency"], _LATENCY_UNIT_NS)
        times = {int(number): int(total) for number, total in maps["@time"].items()}
        errors = _parse_errors(maps["@errors"])
        events = {int(number): int(total) for number, total in maps["@events"].items()}
        waits = _parse_histograms(maps["@waits"])
        calls = [
            CallCount(
                name=name_call(number, names),
                calls=_count(latency),
                errors=errors.all[number],
                eagain=errors.eagain[number],
                time_ns=times[number],
                latency_ns=latency,
            )
            for number, latency in latencies.items()
        ]
        return SyscallProfile(
            backend="bpftrace",
            window_ns=window_ns,
            calls=sorted(calls, key=lambda call: (-call.calls, call.name)),
            waits=[
                EventsPerWait(
                    name=name_call(number, names), calls=_count(histogram), events=events[number], histogram=histogram
                )
                for number, histogram in sorted(waits.items())
            ],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProbeFailed(f"bpftrace printed what cannot be understood: {type(error).__name__}: {error}") from error


def _parse_maps(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the maps by name; a map that nothing was ever put into is printed as empty, or not at all."""
    maps: dict[str, dict[str, Any]] = {name: {} for name in ("@latency", "@time", "@errors", "@events", "@waits")}
    printed = [json.loads(line) for line in lines if line.strip()]
    finished = False
    for message in printed:
        if message["type"] in ("map", "hist"):
            maps |= message["data"]
            finished = True
    if not finished:
        raise ValueError("no maps")
    return maps


def _parse_errors(counts: Mapping[str, Any]) -> _Errors:
    errors = _Errors(Counter(), Counter())
    for key, count in counts.items():
        number, errno = map(int, key.split(","))
        errors.all[number] += int(count)
        if errno == EAGAIN:
            errors.eagain[number] += int(count)
    return errors


def _parse_histograms(histograms: Mapping[str, list[Mapping[str, int]]], unit: int = 1) -> dict[int, Buckets]:
    """Return the buckets by number of the call, with bounds in what the script divided by `unit`."""
    return {
        # Between the lowest and the highest bucket bpftrace prints the empty ones too.
        int(number): [((bucket["max"] + 1) * unit - 1, bucket["count"]) for bucket in buckets if bucket["count"]]
        for number, buckets in histograms.items()
    }


def _count(histogram: Buckets) -> int:
    return sum(count for _, count in histogram)
