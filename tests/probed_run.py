"""The sample run with all its probes: the wait of select grows with the idle connections, epoll's does not."""

from pathlib import Path
from typing import Final

from loadlab.analysis.stacks import top_functions
from loadlab.results.directory import RunDirectory
from loadlab.results.folded_stacks import Stacks, folded_file
from loadlab.results.probe_data import (
    CallCount,
    CpuBackend,
    CpuProbe,
    CpuProfile,
    EventsPerWait,
    Probes,
    Side,
    SocketCounters,
    SocketsProbe,
    StackProfile,
    SyscallProfile,
    SyscallsProbe,
)
from loadlab.results.trial import TrialResult

from .sample_run import PER_IDLE_NS, write_sample

REQUESTS: Final = 10_000
WAITS: Final = 1_000
EVENTS: Final = 10
MISSING_PERF: Final = "perf: perf is not installed; apt-get install linux-perf"
WAIT_CALL: Final = {"select": "pselect6", "poll": "poll", "epoll": "epoll_wait"}


def write_probed(parent: Path) -> RunDirectory:
    """Write the sample run with what probes found in each trial that is done, poll's aside."""
    run = write_sample(parent)
    document = run.read_document()
    trials = [_probe(run, trial) for trial in document.trials]
    run.write_document(document.model_copy(update={"trials": trials}))
    return run


def syscalls_probe(server: str, idle: int, **changes: object) -> SyscallsProbe:
    """The calls of a server: one to read, one to write, and a tenth of a wait for each request."""
    wait = WAIT_CALL[server]
    calls = [
        CallCount(name="recvfrom", calls=REQUESTS, errors=0, eagain=0, time_ns=REQUESTS * 1_500),
        CallCount(name="sendto", calls=REQUESTS, errors=0, eagain=0, time_ns=REQUESTS * 6_000),
        CallCount(name=wait, calls=WAITS, errors=0, eagain=0, time_ns=round(REQUESTS * wait_ns(server, idle))),
        CallCount(name="futex", calls=1, errors=0, eagain=0, time_ns=500),
    ]
    return SyscallsProbe.model_validate(
        {
            "backend": "bpftrace",
            "slowdown": 0.3,
            "requests": REQUESTS,
            "window_ns": 1_000_000_000,
            "calls_per_request": {call.name: call.calls / REQUESTS for call in calls},
            "events_per_wait": {wait: float(EVENTS)},
            "target": SyscallProfile(
                backend="bpftrace",
                window_ns=1_000_000_000,
                calls=calls,
                waits=[EventsPerWait(name=wait, calls=WAITS, events=WAITS * EVENTS, histogram=[(15, WAITS)])],
            ),
            "client": SyscallProfile(
                backend="bpftrace", window_ns=1_000_000_000, calls=[CallCount(name="write", calls=REQUESTS)]
            ),
        }
        | changes
    )


def wait_ns(server: str, idle: int) -> float:
    """What the wait costs one request."""
    return 3_000 + idle * PER_IDLE_NS[server]


def stacks_of(server: str, idle: int) -> Stacks:
    """The samples of a trial's target."""
    return {
        ("MainThread", "serve (server.py:12)", "send (libc.so.6)"): 60,
        ("MainThread", "serve (server.py:12)", f"{WAIT_CALL[server]} (libc.so.6)"): round(wait_ns(server, idle) / 300),
    }


def cpu_profile(stacks: Stacks, side: Side, backend: CpuBackend) -> CpuProfile:
    """What run.json says of these stacks, with perf missing unless it made them."""
    profile = StackProfile(
        backend=backend,
        file=folded_file(side, backend),
        rate_hz=99,
        samples=sum(stacks.values()),
        lost=0,
        blocking=True,
        notes=[],
        top=top_functions(stacks),
    )
    return CpuProfile(backend=backend, profiles=[profile], missing=[] if backend == "perf" else [MISSING_PERF])


def _probe(run: RunDirectory, trial: TrialResult) -> TrialResult:
    server, idle = str(trial.factors["target.server"]), int(trial.factors["load.idle"] or 0)
    if trial.state != "done" or server == "poll":
        return trial
    stacks = stacks_of(server, idle)
    run.write_stacks(trial.id, folded_file("target", "py-spy"), stacks)
    client: Stacks = {("MainThread", "epoll_wait (libc.so.6)"): 80, ("MainThread", "write (libc.so.6)"): 20}
    counted = SocketCounters(retransmitted=3, listen_overflows=0, listen_drops=0, resets_sent=0)
    probes = Probes(
        syscalls=syscalls_probe(server, idle),
        sockets=SocketsProbe(readings=[], counted=counted),
        cpu=CpuProbe(
            slowdown=0.12,
            target=cpu_profile(stacks, "target", "py-spy"),
            client=cpu_profile(client, "client", "py-spy"),
        ),
    )
    return trial.model_copy(update={"probes": probes})
