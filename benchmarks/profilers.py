"""What each profiler costs a server, side by side: the same load without any, and under each.

    .venv/bin/python benchmarks/profilers.py [--trials select:0 epoll:10k ...] [--rounds 5] [--seconds 2]
        [--connections 32]

A trial is a bundled server and a number of idle connections. Each round measures it once without a profiler and once
under each that works here, as an experiment does: windows on the same rig, target and load on cores of their own, a
profiler on each of the two sides, a closed load. Prints each round, then a table of medians: requests per second, and
how much less that is than without a profiler in the same round. A profiler that cannot see the target, as py-spy
nginx, has a dash.
docs/probes.md and docs/flame-graphs.md keep the figures.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.passes import BothSides, slowdown_of
from loadlab.experiment.result import trial_result
from loadlab.experiment.rig import Rig
from loadlab.experiment.window import Window, WindowRecord, measure_window
from loadlab.probes.cpu import probe as cpu
from loadlab.probes.probe import Lack, OpenProbe
from loadlab.probes.syscalls import choice as syscalls
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial, plan_trials
from loadlab.results.trial import TrialResult
from loadlab.units import parse_count

_TRIALS: Final = ("select:0", "select:10k", "epoll:0", "epoll:10k", "nginx:0", "nginx:10k")
_NAMES: Final = {"syscalls perf": "perf stat", "cpu perf": "perf record"}  # one program, two profilers


@dataclass(frozen=True, slots=True)
class Cost:
    """What came of a trial, and the part of the throughput that was lost (0.16 is 16 %) to the profiler."""

    requests_per_second: float
    lost: float


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    profilers = dict(_find_profilers())
    table = {}
    for name in arguments.trials:
        server, _, idle = name.partition(":")
        trial = _plan(server, parse_count(idle or "0"), arguments.connections, arguments.seconds)
        rounds = [_run_round(f"{name}, round {number}", trial, profilers) for number in range(1, arguments.rounds + 1)]
        table[name] = {each: [costs[each] for costs in rounds if each in costs] for each in rounds[0]}
    _print_table(table, ["none", *profilers])


def _find_profilers() -> Iterator[tuple[str, OpenProbe[Any]]]:
    """Yield each profiler that works here, by name; the last is all CPU profilers together."""
    backends: list[tuple[str, str, Lack | None, OpenProbe[Any]]] = [
        *(("syscalls", each.name, each.why_unavailable(), each.open_probe) for each in syscalls.BACKENDS),
        *(
            ("cpu", each.name, each.why_unavailable(), partial(cpu.CpuSampler, backends=[each]))
            for each in cpu.BACKENDS
        ),
    ]
    for probe, program, lack, open_probe in backends:
        if lack is None:
            yield _NAMES.get(f"{probe} {program}", program), open_probe
        else:
            print(f"without {program}: {lack.why}; {lack.fix}", file=sys.stderr)
    yield "all for cpu", cpu.CpuSampler


def _plan(server: str, idle: int, connections: int, seconds: float) -> Trial:
    data = {
        "name": "profilers",
        "target": {"server": server},
        "load": {"connections": connections, "idle": idle, "warmup": "300ms", "duration": f"{seconds}s"},
        "probes": [],
    }
    (trial,) = plan_trials(LoadProfile.model_validate(data), seed=0)
    return trial


def _run_round(label: str, trial: Trial, profilers: dict[str, OpenProbe[Any]]) -> dict[str, Cost]:
    """Measure the trial without and under each profiler, on one rig; one that could not see the target is left out."""
    assert isinstance(trial.profile, LoadProfile)
    context = RunContext(resources_of_host(), Unobserved(), lambda: None)
    with Rig(trial.profile, trial.seed, context) as rig:
        first = _measure(trial, rig, None)
        costs = {"none": Cost(first.requests_per_second or 0.0, 0.0)}
        for name, open_probe in profilers.items():
            with BothSides(open_probe) as sides:
                second = _measure(trial, rig, sides)
            if problem := sides.problems.get("target"):
                print(f"{label}: {name}: {problem}", file=sys.stderr)
                continue
            costs[name] = Cost(second.requests_per_second or 0.0, slowdown_of(first, second) or 0.0)
    listed = ", ".join(f"{name} {cost.requests_per_second:,.0f}/s ({cost.lost:.1%})" for name, cost in costs.items())
    print(f"{label}: {listed}", flush=True)
    return costs


def _measure(trial: Trial, rig: Rig, watch: BothSides[Any] | None) -> TrialResult:
    load = rig.profile.load
    record = WindowRecord(rig.profile)
    measure_window(rig, Window(load.warmup_ns, load.duration_ns), record, watch)
    return trial_result(trial, "done", None, rig.resources, rig.idle, record)


def _print_table(table: dict[str, dict[str, list[Cost]]], profilers: Sequence[str]) -> None:
    print(f"\n{'trial':12} {'profiler':12} {'requests/s':>10} {'lost':>7}  least to most")
    for name, costs in table.items():
        for profiler in profilers:
            print(f"{name:12} {profiler:12} {_summarise(costs.get(profiler, []))}")


def _summarise(costs: Sequence[Cost]) -> str:
    if not costs:
        return f"{'-':>10} {'-':>7}"
    rate = statistics.median(cost.requests_per_second for cost in costs)
    lost = [cost.lost for cost in costs]
    return f"{rate:10,.0f} {statistics.median(lost):7.1%}  {min(lost):.1%} to {max(lost):.1%}"


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="what each profiler costs a server")
    parser.add_argument("--trials", nargs="+", default=_TRIALS, metavar="SERVER:IDLE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


if __name__ == "__main__":
    main()
