"""The sample run with what was read over the window: quiet, but for a target that grows in one of its trials."""

import itertools
from pathlib import Path
from typing import Final

from loadlab.results.directory import RunDirectory
from loadlab.results.probe_data import (
    Probes,
    ProcessState,
    ProcessUsage,
    ProcfsProbe,
    SocketCounters,
    SocketsProbe,
    SocketsReading,
)
from loadlab.results.requests import Interval
from loadlab.results.trial import TrialResult

from .sample_run import WINDOW_SECONDS, write_sample

STRETCHES: Final = 8
STRETCH_NS: Final = WINDOW_SECONDS * 1_000_000_000 // STRETCHES
MIB: Final = 1 << 20
GROWING: Final = {"target.server": "epoll", "load.idle": 5000}


def write_over_time(parent: Path) -> RunDirectory:
    """Write the sample run with readings in all trials that are done."""
    run = write_sample(parent)
    document = run.read_document()
    trials = [with_readings(trial, grows=trial.factors == GROWING) for trial in document.trials]
    run.write_document(document.model_copy(update={"trials": trials}))
    return run


def with_readings(trial: TrialResult, grows: bool = False) -> TrialResult:
    """The trial as its probes saw it, if it is done: the target's memory as it was, or a MiB more in each stretch."""
    if trial.state != "done":
        return trial
    procfs = ProcfsProbe(
        target=[stretch(rss_bytes=(20 + grows * number) * MIB) for number in range(1, STRETCHES + 1)],
        client=[stretch() for _ in range(STRETCHES)],
        target_at_start=state(),
        client_at_start=state(),
    )
    each = trial.requests // STRETCHES
    edges = [WINDOW_SECONDS * number / STRETCHES for number in range(STRETCHES + 1)]
    intervals = [Interval(start=start, end=end, requests=each) for start, end in itertools.pairwise(edges)]
    return trial.model_copy(update={"probes": Probes(procfs=procfs, sockets=sockets_probe()), "intervals": intervals})


def state(**changes: object) -> ProcessState:
    """One process of 20 MiB."""
    fields = {"processes": 1, "threads": 1, "rss_bytes": 20 * MIB, "pss_bytes": 15 * MIB, "open_descriptors": 5020}
    return ProcessState.model_validate(fields | changes)


def stretch(**changes: object) -> ProcessUsage:
    """A stretch of that process, with 0.8 of a core busy."""
    fields = {
        "processes": 1,
        "threads": 1,
        "rss_bytes": 20 * MIB,
        "open_descriptors": 5020,
        "cpu_user_ns": STRETCH_NS // 5,
        "cpu_system_ns": 3 * STRETCH_NS // 5,
        "context_switches": 500,
        "involuntary_switches": 100,
        "run_queue_wait_ns": 1_000_000,
        "window_ns": STRETCH_NS,
    }
    return ProcessUsage.model_validate(fields | changes)


def sockets_probe(*retransmitted: int, timed: bool = True) -> SocketsProbe:
    """Readings with nothing going on, or with so many segments sent again up to each of them."""
    counters = [
        SocketCounters(retransmitted=count, listen_overflows=0, listen_drops=0, resets_sent=0)
        for count in retransmitted or (7,) * (STRETCHES + 1)
    ]
    readings = [
        SocketsReading(
            at_ns=number * STRETCH_NS if timed else None,
            in_use=10_032,
            time_wait=4,
            orphans=0,
            buffers_bytes=9 * MIB,
            counters=counted,
        )
        for number, counted in enumerate(counters)
    ]
    return SocketsProbe(readings=readings, counted=counters[-1].since(counters[0]))
