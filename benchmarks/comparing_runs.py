"""How often `loadlab compare` claims a difference between two runs, on the simulated machine of benchmarks/coverage.py.

    python -m benchmarks.comparing_runs [--pairs 300] [--seed 1]

Each run is of one server in several rounds of 100 ms, at a time of its own. The machine's speed jumps between its
levels; the arithmetic that measures it scatters by 1.5 %, and servers depend on it with an exponent of 0.8 to 1.2.
Printed are the share of pairs in which a difference in throughput is claimed, where there is none and where B is 10 %
slower, and the half-width of the intervals; with the machine's speed known in both runs, and without. Takes 5 s.
"""

import argparse
import statistics
from itertools import product
from typing import Final

import numpy as np

from benchmarks.coverage import simulated_speed
from loadlab.analysis.comparison.compared_metrics import RATE
from loadlab.analysis.comparison.figures import Measured, compare_figure
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.speed import MachineSpeed, Speed
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Verdict

_RATE: Final = 50_000.0
_ROUND_NS: Final = 100_000_000
_NOISE: Final = 0.07
_READING_NOISE: Final = 0.015
_ARITHMETIC_NS: Final = 1_000_000
_PLANS: Final = ((10, 0.5), (10, 5.0), (20, 2.0))  # rounds, and the seconds from one to the next
_SLOWER: Final = 0.9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = np.random.default_rng(arguments.seed)
    print("speed    rounds          no difference   10 % slower   half-width")
    for known, (rounds, gap) in product((True, False), _PLANS):
        claimed = [_claims(draw, arguments.pairs, rounds, gap, effect, known) for effect in (1.0, _SLOWER)]
        (same, reach), (slower, _) = claimed
        name = "known" if known else "unknown"
        print(f"{name:<8} {rounds}, {gap:g} s apart{same:>15.1%}{slower:>14.1%}{reach:>13.1%}")


def _claims(
    draw: np.random.Generator, pairs: int, rounds: int, gap: float, effect: float, known: bool
) -> tuple[float, float]:
    """Return the share of pairs in which a difference is claimed, and the median half-width."""
    claimed, reaches = 0, []
    for _ in range(pairs):
        exponent = draw.uniform(0.8, 1.2)
        (a, speed_of_a), (b, speed_of_b) = (_simulate(draw, rounds, gap, exponent, factor) for factor in (1.0, effect))
        base = Measured([a], speed_of_a, speed_of_a) if known else Measured([a])
        other = Measured([b], speed_of_b, speed_of_a) if known else Measured([b])
        figure = compare_figure(RATE, base, other)
        claimed += figure.is_clear
        reaches.append(figure.visible or 0.0)
    return claimed / pairs, statistics.median(reaches)


def _simulate(
    draw: np.random.Generator, rounds: int, gap: float, exponent: float, effect: float
) -> tuple[TrialResult, MachineSpeed]:
    times = np.arange(rounds) * gap
    speeds = simulated_speed(draw, np.concatenate([[0.0], draw.uniform(50, 150) + times]))[1:]
    readings = _ARITHMETIC_NS / speeds * np.exp(draw.normal(0, _READING_NOISE, rounds))
    usual_ns = float(np.median(readings))
    rates = _RATE * effect * speeds**exponent * np.exp(draw.normal(0, _NOISE, rounds))
    windows = [
        Round(
            at=float(at),
            window_ns=_ROUND_NS,
            requests=int(rate * _ROUND_NS / 1e9),
            requests_per_second=float(rate),
            speed=Speed(target=usual_ns / float(reading)),
        )
        for at, rate, reading in zip(times, rates, readings, strict=True)
    ]
    busy = ProcessUsage(
        processes=1, threads=1, rss_bytes=1, cpu_user_ns=_ROUND_NS, cpu_system_ns=0, context_switches=0,
        window_ns=_ROUND_NS,
    )  # fmt: skip
    trial = TrialResult(
        id="001",
        repeat=1,
        factors={},
        state="done",
        verdict=Verdict(state="valid"),
        load_model="closed",
        requests_per_second=float(np.median(rates)),
        rounds=windows,
        target=busy,
        placement={"target": [0]},
    )
    return trial, MachineSpeed(readings=[], target_ns=round(usual_ns))


if __name__ == "__main__":
    main()
