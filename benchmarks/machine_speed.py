"""How well does the machine's speed explain what a request costs? And how well is it measured?

    .venv/bin/python -m benchmarks.machine_speed [--rounds 300] [--server epoll]

First the readings themselves: the same arithmetic in eight processes in turn on the same core, how far their medians
are apart, how much a reading scatters, and what becomes of it beside a busy process on the core. Then one server is
measured in rounds of 100 ms by the real program, with a reading of either side's cores before and after each: how much
the CPU time of a request scatters from round to round, how much is left once it is corrected by the speed, and how the
two correlate. On a machine whose speed does not change, the correction can only add the scatter of the readings. Other
processes on the cores raise the cost of a request (they take turns in its caches) and not the reading: the verdict
reports them (`disturbed`).
"""

import argparse
import json
import math
import operator
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from loadlab.probes.speed import measure_core_speeds
from loadlab.processes import choose_placement
from loadlab.results.probe_data import Side
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import Round

_PROCESSES: Final = 8
_READINGS: Final = 60
_PROFILE: Final = {
    "name": "machine-speed",
    "load": {"connections": 16, "duration": "100ms", "warmup": "200ms"},
    "retries": 0,
}
_BURN: Final = "while True: pass"
_CHILD: Final = "reading"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--server", default="epoll")
    parser.add_argument(f"--{_CHILD}", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reading is not None:
        _answer_readings(arguments.reading)
        return
    core = choose_placement(os.sched_getaffinity(0)).target[0]
    _compare_processes(core)
    _compare_busy(core)
    with tempfile.TemporaryDirectory() as directory:
        _explain_costs(_measure_rounds(Path(directory), arguments.server, arguments.rounds))


def _compare_processes(core: int) -> None:
    command = [sys.executable, "-m", "benchmarks.machine_speed", f"--{_CHILD}", str(core)]
    with ExitStack() as standing:
        readers = [
            standing.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(_PROCESSES)
        ]
        readings = np.array([[_ask(reader) for reader in readers] for _ in range(_READINGS)])
        for reader in readers:
            reader.communicate()
    medians = np.median(readings, axis=0)
    scatter = np.median(np.std(readings, axis=0) / medians)
    print(f"{_PROCESSES} processes on core {core}: medians {medians.min() / 1e6:.3f} to {medians.max() / 1e6:.3f} ms,")
    print(f"  {medians.max() / medians.min() - 1:.1%} apart; a reading scatters by {scatter:.1%} (standard deviation)")


def _compare_busy(core: int) -> None:
    quiet = [_measure(core) for _ in range(_READINGS)]
    with subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", _BURN]) as burning:
        try:
            busy = [_measure(core) for _ in range(_READINGS)]
        finally:
            burning.kill()
    print(f"beside a busy process on the core: {statistics.median(busy) / statistics.median(quiet) - 1:+.1%}")


def _measure_rounds(directory: Path, server: str, rounds: int) -> RunDocument:
    profile = directory / "profile.yaml"
    profile.write_text(json.dumps({**_PROFILE, "target": {"server": server}, "rounds": rounds}))
    command = [sys.executable, "-m", "loadlab", "run", str(profile), "--out", str(directory), "--json"]
    ended = subprocess.run([*command, "--accept-invalid"], stdout=subprocess.PIPE, check=True)
    return RunDocument.model_validate_json(ended.stdout)


def _explain_costs(document: RunDocument) -> None:
    (trial,) = document.trials
    speed = document.speed
    assert speed is not None
    print(f"{len(trial.rounds)} rounds of {document.profile['target']['server']}, verdict {trial.verdict.state}:")
    _explain("target", trial.rounds, [each.cpu_ns_per_request for each in trial.rounds], speed)
    _explain("client", trial.rounds, [each.client_cpu_ns_per_request for each in trial.rounds], speed)


def _explain(side: Side, rounds: Sequence[Round], costs_ns: Sequence[float | None], speed: MachineSpeed) -> None:
    costs, speeds = [], []
    for each, cost_ns in zip(rounds, costs_ns, strict=True):
        around = speed.during(each.at, each.at + each.window_ns / 1e9)
        relative = around.target if side == "target" else around.client
        if cost_ns and relative:
            costs.append(math.log(cost_ns))
            speeds.append(math.log(relative))
    before, after = statistics.stdev(costs), statistics.stdev(map(operator.add, costs, speeds))
    print(f"  {side}: speed moved by {speed.change(side) or 0:.0%}; CPU time of a request scatters from round to round")
    print(f"    by {before:.1%}, once corrected by the speed by {after:.1%};")
    print(f"    correlation of the two {statistics.correlation(costs, speeds):.2f}")


def _answer_readings(core: int) -> None:
    for _ in sys.stdin:
        print(_measure(core), flush=True)


def _ask(reader: "subprocess.Popen[str]") -> int:
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    return int(reader.stdout.readline())


def _measure(core: int) -> int:
    spent_ns = measure_core_speeds({core})
    assert spent_ns is not None
    return spent_ns


if __name__ == "__main__":
    main()
