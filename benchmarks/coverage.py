"""How often the intervals of docs/uncertainty.md hold the truth, and how wide they are, on simulated machines.

    python -m benchmarks.coverage [--series 1000] [--seed 1] [--run RUN]

The machine's speed jumps by a quarter or two fifths every few seconds, drifts by 2 % in between, a slice scatters by
7 %, and one in a hundred meets a stall from outside. Four tables: medians over rounds; percentiles of merged
histograms; paired differences after a fixed number of pairs, where nothing differs, where B is 5 % slower, and where B
stops itself now and then; and comparisons that end by the stopping rule. Takes one to two minutes.

With `--run`, a run directory of `loadlab ab` with two identical servers, the noise is that of its slices instead: A and
B of each pair are swapped at random, so nothing differs, and B is made 5 % worse.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from loadlab.analysis.pairs import PAIRED_METRICS, STARTS_DIFFER, StoppingRule, compare_pairs
from loadlab.analysis.uncertainty import FloatArray as Floats
from loadlab.analysis.uncertainty import median_over, percentiles_over
from loadlab.recording.histogram import Histogram
from loadlab.results.directory import read_run
from loadlab.results.run import RunDocument
from loadlab.results.trial import Round

_RATE: Final = 30_000.0
_LEVELS: Final = np.array([1.0, 0.75, 0.57])
_SHARES: Final = np.array([0.5, 0.4, 0.1])
_SECONDS_OF_A_LEVEL: Final = 3.0
_DRIFT: Final = 0.02
_SLICE_NOISE: Final = 0.07
_STALLS: Final = 0.01
_SECONDS_OF_A_SLICE: Final = 0.11
_AT_MOST_PAIRS: Final = 270


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=Path)
    arguments = parser.parse_args()
    draw = np.random.default_rng(arguments.seed)
    if arguments.run:
        _print_run(draw, arguments.series, read_run(arguments.run))
        return
    _print_medians(draw, arguments.series)
    _print_percentiles(draw, arguments.series)
    _print_pairs(draw, arguments.series)
    _print_stopping(draw, arguments.series)


@dataclass(frozen=True, slots=True)
class Checked:
    """One interval: whether it held the truth, whether it excluded 0, and its half-width."""

    held: bool
    clear: bool
    reach: float


def simulated_speed(draw: np.random.Generator, seconds: Floats) -> Floats:
    """Return the machine's speed at these ascending times, against its fastest."""
    last = float(seconds[-1])
    ends = np.cumsum(draw.exponential(_SECONDS_OF_A_LEVEL, 10 + int(3 * last / _SECONDS_OF_A_LEVEL)))
    levels = draw.choice(_LEVELS, len(ends) + 1, p=_SHARES)
    drift, noise = np.empty(len(seconds)), draw.normal(0, 1, len(seconds))
    drift[0] = noise[0]
    for index in range(1, len(seconds)):
        alike = 0.9 ** ((seconds[index] - seconds[index - 1]) / _SECONDS_OF_A_SLICE)
        drift[index] = alike * drift[index - 1] + math.sqrt(1 - alike**2) * noise[index]
    speed: Floats = levels[np.searchsorted(ends, seconds)] * np.exp(_DRIFT * drift)
    return speed


def simulated_slices(
    draw: np.random.Generator, pairs: int, b_is: float = 1.0, b_stops: float = 0.0
) -> tuple[Floats, Floats]:
    """Return the rates of the slices of A and B, in turn, the order drawn anew for each pair.

    B is `b_is` times as fast, but for what two starts of one program differ by, and does half of its work only in a
    share of its slices, `b_stops`.
    """
    seconds = np.arange(2 * pairs) * _SECONDS_OF_A_SLICE
    rates = _RATE * simulated_speed(draw, seconds) * np.exp(draw.normal(0, _SLICE_NOISE, 2 * pairs))
    rates *= np.where(draw.random(2 * pairs) < _STALLS, draw.uniform(0.1, 0.8, 2 * pairs), 1)
    b_first = draw.integers(0, 2, pairs)
    in_turn = rates.reshape(pairs, 2)
    a, b = (in_turn[np.arange(pairs), place] for place in (1 - b_first, b_first))
    b_is *= math.exp(draw.normal(0, STARTS_DIFFER))
    return a, b * b_is * np.where(draw.random(pairs) < b_stops, 0.5, 1)


def _print_medians(draw: np.random.Generator, series: int) -> None:
    print("Medians over rounds: how many in 100 intervals hold the true median, and their half-width\n")
    print(f"{'rounds':>8}{'lognormal':>18}{'two speeds':>18}{'drift, 1 s apart':>18}{'drift, 5 s apart':>18}")
    samples: list[Callable[[int], Floats]] = [
        lambda rounds: np.exp(draw.normal(0, 0.2, rounds)),
        lambda rounds: draw.choice([1.0, 0.67], rounds, p=[0.6, 0.4]) * np.exp(draw.normal(0, 0.05, rounds)),
        lambda rounds: _rounds_apart(draw, rounds, 1),
        lambda rounds: _rounds_apart(draw, rounds, 5),
    ]
    truths = [float(np.median(np.concatenate([sample(100) for _ in range(500)]))) for sample in samples]
    for rounds in (3, 5, 8, 12, 20):
        cells = [
            _cell(_check_median(sample(rounds), truth) for _ in range(series))
            for sample, truth in zip(samples, truths, strict=True)
        ]
        print(f"{rounds:>8}{''.join(cells)}")


def _rounds_apart(draw: np.random.Generator, rounds: int, seconds: float) -> Floats:
    return simulated_speed(draw, np.arange(rounds) * seconds) * np.exp(draw.normal(0, _SLICE_NOISE, rounds))


def _check_median(values: Floats, truth: float) -> Checked:
    found = median_over([float(value) for value in values])
    assert found is not None
    return Checked(found.low <= truth <= found.high, False, (found.high - found.low) / 2 / found.value)


def _print_percentiles(draw: np.random.Generator, series: int) -> None:
    print("\nPercentiles of merged histograms: the same, rounds of 300 requests at two speeds\n")
    print(f"{'rounds':>8}{'p50':>18}{'p90':>18}{'p99':>18}")
    percentiles = (50.0, 90.0, 99.0)
    truth = np.percentile(np.concatenate([_times(draw, 300) for _ in range(5000)]), percentiles)
    for rounds in (5, 8, 12, 20):
        checks: list[list[Checked]] = [[] for _ in percentiles]
        for _ in range(series // 5):
            found = percentiles_over([_histogram(_times(draw, 300)) for _ in range(rounds)], percentiles)
            for checked, percentile, true in zip(checks, percentiles, truth, strict=True):
                estimate = found[percentile]
                held = estimate.low <= true <= estimate.high
                checked.append(Checked(held, False, (estimate.high - estimate.low) / 2 / estimate.value))
        print(f"{rounds:>8}{''.join(map(_cell, checks))}")


def _times(draw: np.random.Generator, requests: int) -> Floats:
    slowness = draw.choice([1.0, 1.5], p=[0.6, 0.4]) * math.exp(draw.normal(0, 0.05))
    times: Floats = 1e6 * slowness * np.exp(draw.normal(0, 0.4, requests))
    return times


def _histogram(times: Floats) -> Histogram:
    histogram = Histogram()
    histogram.fold(times.astype(np.int64))
    return histogram


def _print_pairs(draw: np.random.Generator, series: int) -> None:
    print("\nPaired differences: the same, and in how many of 100 a difference is claimed\n")
    print(f"{'pairs':>8}{'seconds':>9}{'no difference':>24}{'B 5 % slower':>24}{'B stops itself, -5 %':>24}")
    for pairs in (20, 40, 80, 300):
        cells = []
        for b_is, b_stops, truth in ((1.0, 0.0, 0.0), (0.95, 0.0, -0.05), (1.0, 0.1, -0.05)):
            checks = [
                _check_pairs(*simulated_slices(draw, pairs, b_is=b_is, b_stops=b_stops), truth) for _ in range(series)
            ]
            cells.append(f"{_cell(checks)}{100 * np.mean([check.clear for check in checks]):>6.1f}")
        print(f"{pairs:>8}{2 * pairs * _SECONDS_OF_A_SLICE:>9.0f}{''.join(cells)}")


def _check_pairs(a: Floats, b: Floats, truth: float, of_whole: bool = True) -> Checked:
    known = ~(np.isnan(a) | np.isnan(b))
    found = compare_pairs(a[known].tolist(), b[known].tolist(), of_whole=of_whole)
    assert found is not None
    return Checked(found.low <= truth <= found.high, not found.low <= 0 <= found.high, found.visible)


def _print_stopping(draw: np.random.Generator, series: int) -> None:
    print("\nComparisons that end by the stopping rule, asked after each five pairs, at most 60 s: the same\n")
    print(f"{'within':>8}{'no difference':>24}{'seconds (90 % of them)':>26}{'B 5 % slower':>24}")
    for within in (0.02, 0.03, 0.05):
        rule = StoppingRule("throughput", within)
        cells = []
        for b_is, truth in ((1.0, 0.0), (0.95, -0.05)):
            ended = [_compare_until(rule, *simulated_slices(draw, _AT_MOST_PAIRS, b_is)) for _ in range(series // 2)]
            checks = [_check_pairs(a, b, truth) for a, b in ended]
            seconds = [2 * len(a) * _SECONDS_OF_A_SLICE for a, _ in ended]
            cells.append(f"{_cell(checks)}{100 * np.mean([check.clear for check in checks]):>6.1f}")
            if truth == 0:
                cells.append(f"{np.mean(seconds):>16.1f} ({np.quantile(seconds, 0.9):.1f})".rjust(26))
        print(f"{100 * within:>6.1f} %{''.join(cells)}")


def _compare_until(rule: StoppingRule, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    all_a, all_b = _rounds(a), _rounds(b)
    for pairs in range(rule.fewest_pairs, len(a), 5):
        if rule.is_met(all_a[:pairs], all_b[:pairs]):
            return a[:pairs], b[:pairs]
    return a, b


def _print_run(draw: np.random.Generator, series: int, document: RunDocument) -> None:
    a, b = (trial.rounds for trial in document.trials)
    print(f"Slices of {len(a)} pairs: the same, and in how many of 100 a difference of 5 % is found\n")
    print(f"{'pairs':>8}" + "".join(f"{metric:>28}" for metric in PAIRED_METRICS))
    for pairs in (20, 40, 80, 160):
        if pairs <= len(a):
            cells = []
            for metric, read in PAIRED_METRICS.items():
                figures = np.array([[read(each) or np.nan for each in side] for side in (a, b)])
                checks, found = zip(*(_check_swapped(draw, figures, pairs, metric) for _ in range(series)), strict=True)
                cells.append(f"{_cell(checks)}{100 * np.mean(found):>10.1f}")
            print(f"{pairs:>8}{''.join(cells)}")


def _check_swapped(draw: np.random.Generator, figures: Floats, pairs: int, metric: str) -> tuple[Checked, bool]:
    """Return the interval where nothing differs, and whether a difference of 5 % is found."""
    first = draw.integers(0, figures.shape[1] - pairs + 1)
    slices = figures[:, first : first + pairs]
    swapped = draw.integers(0, 2, pairs)
    a, b = (slices[place, np.arange(pairs)] for place in (swapped, 1 - swapped))
    of_whole = not metric.startswith("response_ns")
    return _check_pairs(a, b, 0.0, of_whole), _check_pairs(a, 0.95 * b, -0.05, of_whole).clear


def _rounds(rates: Floats) -> Sequence[Round]:
    return [
        Round.model_construct(at=0.0, window_ns=100_000_000, requests=int(rate / 10), requests_per_second=float(rate))
        for rate in rates
    ]


def _cell(checks: Iterable[Checked]) -> str:
    found = list(checks)
    held, reach = (100 * np.mean([read(check) for check in found]) for read in (_held, _reach))
    return f"{held:>8.1f}  ±{reach:>5.1f} %"


def _held(check: Checked) -> float:
    return check.held


def _reach(check: Checked) -> float:
    return check.reach


if __name__ == "__main__":
    main()
