"""Runs whose load came from three machines: a single trial with one bad client, and users over two servers.

The figures are made up, in sizes that a real run has. The trial's are those of all machines together.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadlab.analysis.verdict import CorePool, WindowEvidence, judge_machine, judge_trial
from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.machine import ClockResult, MachineResult
from loadlab.results.speed import MachineSpeed, Speed, SpeedReading
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Verdict

from .sample_run import WINDOW_SECONDS, summarise, write_run
from .trials import make_trial, make_usage

NAMES: Final = ("node1", "node2", "node3")
USERS: Final = (30, 300)
_WINDOW_NS: Final = WINDOW_SECONDS * 1_000_000_000


def write_cluster(parent: Path) -> RunDirectory:
    """One trial of an open load, whose third machine is disturbed, late, and has a clock that is not well known."""
    profile = {
        "name": "cluster",
        "about": "How long do requests take at 2,700/s?",
        "target": {"address": "http://10.0.0.9:8080", "allow_remote": ["10.0.0.9"]},
        "load": {"connections": 300, "rate": 2700, "duration": "2s"},
    }
    trial, histograms = cluster_trial(1, {}, users=300, load_model="open", offered_per_second=2700.0)
    speeds = {
        name: MachineSpeed.of([SpeedReading(at=float(at), client_ns=100 + 9 * number * at) for at in range(6)])
        for number, name in enumerate(NAMES)
    }
    document = {"profile": profile, "verdict": "suspect", "calibration": None, "client_speeds": speeds}
    return write_run(parent, "name: cluster\n", [(trial, histograms)], **document)


def write_cluster_users(parent: Path) -> RunDirectory:
    """A growing number of users of two servers, each from all machines."""
    profile = {
        "name": "cluster-users",
        "target": {"server": "epoll"},
        "load": {"connections": 30, "duration": "2s"},
        "sweep": {"target.server": ["epoll", "callback"], "load.connections": list(USERS)},
        "plot": {"x": "load.connections", "series": "target.server"},
    }
    return write_run(parent, "name: cluster-users\n", _users(), profile=profile, verdict="suspect", calibration=None)


def cluster_trial(
    number: int,
    factors: dict[str, Any],
    users: int,
    **fields: Any,  # noqa: ANN401 - of a trial
) -> tuple[TrialResult, dict[str, Histogram]]:
    """Return a trial of three machines with a third of the users each, and its response times."""
    rng = np.random.default_rng([number, users])
    machines, everything = [], Histogram()
    for index, name in enumerate(NAMES):
        histogram = Histogram()
        number_of = 8 * users - 2 * users * index
        histogram.fold((2_000_000 * rng.lognormal(0, 0.3, number_of)).astype(int))
        everything.merge(histogram)
        machines.append(_machine(name, index, users // 3, histogram))
    times = summarise(everything)
    trial = make_trial(
        id=f"{number:03}",
        factors=factors,
        window_ns=_WINDOW_NS,
        requests=everything.count,
        requests_per_second=everything.count / WINDOW_SECONDS,
        outcomes={"ok": everything.count},
        response_ns=times,
        service_ns=times,
        client_ns=summarise(_constant(40_000)),
        client=make_usage(cpu_user_ns=3 * 10**8),
        **{"load_model": "closed"} | fields,
    )
    judged = [
        each.model_copy(update={"verdict": judge_machine(each, trial, _evidence(each, others=0.6 * (index == 2)))})
        for index, each in enumerate(machines)
    ]
    trial = trial.model_copy(update={"machines": judged})
    verdict = judge_trial(trial, WindowEvidence())
    return trial.model_copy(update={"verdict": _of_machines(verdict)}), {"response": everything}


def _users() -> Iterator[tuple[TrialResult, dict[str, Histogram]]]:
    for number, (server, users) in enumerate(product(["epoll", "callback"], USERS), start=1):
        yield cluster_trial(number, {"target.server": server, "load.connections": users}, users)


def _machine(name: str, index: int, connections: int, histogram: Histogram) -> MachineResult:
    times = summarise(histogram)
    bound_ns = (0, 180_000, 1_400_000)[index]
    return MachineResult(
        name=name,
        host=f"{name}.example" if index else name,
        cores=2 + index,
        workers=2 + index,
        holders=0,
        connections=connections,
        idle=0,
        requests=histogram.count,
        requests_per_second=histogram.count / WINDOW_SECONDS,
        outcomes={"ok": histogram.count} | ({"timeout": 7} if index == 1 else {}),
        response_ns=times,
        service_ns=times,
        lateness_ns=summarise(_constant((20_000, 25_000, 1_500_000)[index])),
        client_ns=summarise(_constant(40_000)),
        client=make_usage(cpu_user_ns=10**9, window_ns=_WINDOW_NS),
        speed=Speed(client=(1.0, 0.97, 1.04)[index]),
        clock=ClockResult(offset_ns=-12_400_000 * index, bound_ns=bound_ns, drift_ppm=3.0 * index, drift_bound_ppm=2.0),
    )


def _evidence(machine: MachineResult, others: float) -> WindowEvidence:
    pool = CorePool("client", {core: 0.5 for core in range(machine.cores)}, stolen=0.0, others=others)
    return WindowEvidence(client_busy_by_worker=(0.5,) * machine.workers, pools=(pool,), clock=machine.clock)


def _of_machines(verdict: Verdict) -> Verdict:
    """Without what a trial made up lacks beside them."""
    findings = [finding for finding in verdict.findings if finding.machines]
    return Verdict(state=verdict.state, findings=findings)


def _constant(value_ns: int) -> Histogram:
    histogram = Histogram()
    histogram.fold(np.full(10_000, value_ns))
    return histogram
