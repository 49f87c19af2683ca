"""How late requests leave in the open model, by rate and by how long the worker spins.

    .venv/bin/python benchmarks/pacing.py [--rates 1000 10000] [--spins 1ms 100us 0] [--rounds 5] [--seconds 3]

The bundled epoll server is bound to the first core, one load worker to the second. Prints, for each rate and spin, the
medians over the rounds of the lateness at p50, p99 and p99.9, and what the spinning costs of the worker's core. The aim
is a lateness of 5 us at p50 and of 100 us at p99 on an otherwise idle core; wrk2 claims about a millisecond.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence

from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.trial import TrialRun
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.model import TrialResult
from loadlab.units import format_duration_ns


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this benchmark needs two cores: one for the server, one for the client")
    context = RunContext(resources_of_host(), Unobserved(), lambda: None)
    print(f"{'req/s':>7} {'spin':>6} {'late p50':>9} {'p99':>9} {'p99.9':>9}   worker's core")
    for rate in arguments.rates:
        for spin in arguments.spins:
            results = [_measure(rate, spin, arguments.seconds, context) for _ in range(arguments.rounds)]
            print(f"{rate:7,} {spin:>6} {_medians(results)}")


def _measure(rate: int, spin: str, seconds: int, context: RunContext) -> TrialResult:
    profile = LoadProfile.model_validate(
        {
            "name": "pacing",
            "target": {"server": "epoll"},
            "load": {"connections": 64, "rate": rate, "spin": spin, "duration": f"{seconds}s", "workers": 1},
        }
    )
    run = TrialRun(Trial("001", 1, {}, profile, 0), context)
    run.measure()
    return run.result("done", None)


def _medians(results: Sequence[TrialResult]) -> str:
    lateness = [result.lateness_ns for result in results]
    figures = [[each.p50 for each in lateness], [each.p99 for each in lateness], [each.p99_9 for each in lateness]]
    columns = [format_duration_ns(statistics.median(value or 0 for value in values)) for values in figures]
    busy = statistics.median(result.client.busy for result in results if result.client)
    return " ".join(f"{column:>9}" for column in columns) + f" {busy:10.0%} busy"


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="lateness of requests in the open model")
    parser.add_argument("--rates", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--spins", nargs="+", default=["1ms", "100us", "0"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
