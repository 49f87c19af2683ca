"""What recording costs a load worker: each sample, and each report to the coordinator.

    .venv/bin/python benchmarks/recording.py [--samples 5000] [--rounds 200]

Prints what one sample costs appended and folded, against recording it into an HdrHistogram at once; then the size of
a report of so many samples (an interval's worth) and how long the worker takes to make it, for response times that are
near each other and for ones that are spread widely, with the standard encoding beside it. All are medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from loadlab.recording.histogram import Histogram
from loadlab.recording.recorder import EACH_INTERVAL, ONCE_A_WINDOW, Recorder

_SPREADS = {"narrow": 0.3, "wide": 1.5}  # standard deviation of the logarithm
_MEDIAN_NS = 2_000_000
_BATCHES = (80, 400, 2_000)  # samples folded at once: what 20,000, 100,000 and 500,000 requests/s leave in 4 ms


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    _print_samples(arguments.samples, arguments.rounds)
    for name, spread in _SPREADS.items():
        _print_reports(name, spread, arguments.samples, arguments.rounds)


def _print_samples(samples: int, rounds: int) -> None:
    values = _times_ns(samples, _SPREADS["narrow"])

    def append() -> None:
        appended = list[int]().append
        for value in values:
            appended(value)

    def fold(batch: int) -> None:
        histogram = Histogram()
        for first in range(0, samples, batch):
            histogram.fold(values[first : first + batch])

    def record_at_once() -> None:
        record = Histogram().hdr.record_value
        for value in values:
            record(value)

    works: dict[str, Callable[[], None]] = {"append": append, "record at once": record_at_once}
    works |= {f"fold {batch:,}": partial(fold, batch) for batch in _BATCHES}
    for what, work in works.items():
        print(f"{what:>16}: {_median_ns(work, max(rounds // 10, 5)) / samples:4.0f} ns a sample")


def _print_reports(name: str, spread: float, samples: int, rounds: int) -> None:
    recorder, values = Recorder(), _times_ns(samples, spread)
    took_ns, sizes = [], []
    for _ in range(rounds):
        recorder.prompt += values
        recorder.prompt_dispatch += [20_000] * samples
        recorder.fold()
        started_ns = time.perf_counter_ns()
        report = recorder.take(0, 1, EACH_INTERVAL).to_bytes()
        took_ns.append(time.perf_counter_ns() - started_ns)
        sizes.append(len(report))
    started_ns = time.perf_counter_ns()
    rest = recorder.take(0, 1, ONCE_A_WINDOW).to_bytes()
    rest_ns = time.perf_counter_ns() - started_ns
    histogram = Histogram()
    histogram.fold(values)
    standard_ns = _median_ns(histogram.encode, rounds)
    each_interval = f"{statistics.median(sizes):,.0f} bytes each interval in {statistics.median(took_ns) / 1e6:.2f} ms"
    once = f"{len(rest):,} once a window in {rest_ns / 1e6:.2f} ms"
    standard = f"{len(histogram.encode()):,} bytes in {standard_ns / 1e6:.2f} ms"
    print(f"{name:>16}: {each_interval}; {once}; the standard encoding of one histogram: {standard}")


def _times_ns(samples: int, spread: float) -> list[int]:
    drawn = np.random.default_rng(0).lognormal(np.log(_MEDIAN_NS), spread, samples)
    return [round(value) for value in drawn.tolist()]


def _median_ns(work: Callable[[], object], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        started_ns = time.perf_counter_ns()
        work()
        took.append(time.perf_counter_ns() - started_ns)
    return statistics.median(took)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="the cost of recording")
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
