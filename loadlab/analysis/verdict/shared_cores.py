"""Whether target and client took CPU time from each other, where they could run on the same cores.

That they could says nothing: on a machine with a core to spare the scheduler keeps them apart. What says something is
the run-queue wait, the time that a thread was ready to run and had no core. Some of it any thread has, as waking up
takes microseconds, and a thread may wait for others of its own process. So of the time that a thread waited, the part
counts as taken by the other side that this side had of all use of the same cores, the thread's own left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.summary import trusted_ns
from loadlab.analysis.verdict.client import rate_is_met
from loadlab.analysis.verdict.evidence import WindowEvidence, format_cores
from loadlab.processes.threads import ThreadUse
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.units import format_share

# Of the time that a side was ready to run, or of the response times.
_TAKEN: Final = 0.1
# A side that was ready to run for this much of the time could have done more with cores of its own.
_FULL: Final = 0.85
# Where waits are not counted, this much of the shared cores has to be idle.
_IDLE: Final = 0.1
_ADVICE: Final = (
    "Use a machine with two cores or more, and give each side its own (placement); bind a server that runs already to "
    "its own: taskset -acp CORES PID."
)
_LISTED: Final = 0.005
_MOST_LISTED: Final = 4


@dataclass(frozen=True, slots=True)
class CoreWait:
    """How long the threads of one side ran and waited for a core, all together, in cores: 1.0 is all of the window.

    The other side took `taken` of the wait. `fullest` is how long the busiest thread was ready to run.
    """

    ran: float
    waited: float
    taken: float
    fullest: float

    @property
    def waited_share(self) -> float:
        """The part of the time that it was ready to run in which it had no core, 0 to 1."""
        return self.waited / self.ready if self.ready else 0.0

    @property
    def taken_share(self) -> float:
        """The part of that time in which it had none because of the other side, 0 to 1."""
        return self.taken / self.ready if self.ready else 0.0

    @property
    def ready(self) -> float:
        """How long it was ready to run."""
        return self.ran + self.waited

    def is_full(self, usable_cores: int) -> bool:
        """Return whether it had work for as much CPU time as it could use."""
        return self.fullest >= _FULL or self.ready >= _FULL * usable_cores


def shared_core(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that target and client did not take CPU time from each other, if they could run on the same cores.

    The target's throughput suffers where it had work all the time and the client took more than a tenth of that; its
    times where a request lost more than a tenth of the median service time. What the client waited for is part of what
    it added to the times (`client_added`); only where it had work all the time, it asked for less than it could have.
    """
    if not window.shared_cores:
        return None
    target, client = waits_of(window.target_threads, window.client_threads, window, result.window_ns)
    if target.ready and client.ready:
        apart = not _suffered(result, window, target, client)
    else:
        apart = any(_mean([*pool.idle.values()]) > _IDLE for pool in window.pools if pool.owner == "both")
    effect = "its times may be shorter" if rate_is_met(result) else "its throughput is at least this figure"
    return Finding(
        code="shared_core",
        severity="note" if apart else "suspect",
        text="Target and client could run on the same cores, but left each other enough CPU time."
        if apart
        else f"Target and client took CPU time from each other: with cores of the target's own, {effect}.",
        evidence=_describe(window, target, client),
        advice="" if apart else _ADVICE,
    )


def waits_of(
    target: Sequence[ThreadUse], client: Sequence[ThreadUse], window: WindowEvidence, window_ns: int
) -> tuple[CoreWait, CoreWait]:
    """Return how long target and client waited for a core, and how much of that the other one took."""
    beside = window.threads_beside
    busy = {core: 1 - idle for pool in window.pools for core, idle in pool.idle.items()}
    return (
        _wait(target, _by_core([*client, *beside], window_ns), busy, window_ns),
        _wait(client, _by_core(target, window_ns), busy, window_ns),
    )


def _wait(
    threads: Sequence[ThreadUse], others: Mapping[int, float], busy: Mapping[int, float], window_ns: int
) -> CoreWait:
    ran, waited, taken, fullest = 0.0, 0.0, 0.0, 0.0
    everywhere = _by_core(threads, window_ns)
    for thread in threads:
        on_core = _by_core([thread], window_ns)
        thread_ran, thread_waited = sum(on_core.values()), thread.waited_ns / window_ns
        places = on_core or everywhere  # of one that only waited it is not known where
        in_all = sum(places.values())
        for core, here in places.items():
            used = others.get(core, 0.0)
            beside = max(busy.get(core, 1.0) - on_core.get(core, 0.0), used)
            if used:
                taken += thread_waited * here / in_all * used / beside
        ran += thread_ran
        waited += thread_waited
        fullest = max(fullest, thread_ran + thread_waited)
    return CoreWait(ran, waited, taken, fullest)


def _by_core(threads: Sequence[ThreadUse], window_ns: int) -> dict[int, float]:
    """Return how long threads ran on each core, all together, in parts of the window."""
    found: dict[int, float] = {}
    for thread in threads:
        for core, ran_ns in thread.ran_ns.items():
            found[core] = found.get(core, 0.0) + ran_ns / window_ns
    return found


def _suffered(result: TrialResult, window: WindowEvidence, target: CoreWait, client: CoreWait) -> bool:
    usable = max(1, min(window.target_cores, len(window.target_threads)))
    if target.taken_share > _TAKEN and target.is_full(usable):
        return True
    if client.taken_share > _TAKEN and client.fullest >= _FULL:
        return True
    # The median, as a few requests that waited for something else raise the mean.
    in_requests_ns = result.requests * (trusted_ns(result.service_ns, "p50") or 0)
    return target.taken * result.window_ns > _TAKEN * in_requests_ns > 0


def _describe(window: WindowEvidence, target: CoreWait, client: CoreWait) -> str:
    return "; ".join(_parts(window, target, client))


def _parts(window: WindowEvidence, target: CoreWait, client: CoreWait) -> Iterator[str]:
    yield f"both could run on {format_cores(window.shared_cores)}"
    if target.ready and client.ready:
        yield (
            f"run-queue wait: target {_percent(target.waited_share)} of the time that it was ready to run "
            f"({_percent(target.taken_share)} due to the client), client {_percent(client.waited_share)} "
            f"({_percent(client.taken_share)} due to the target)"
        )
        yield f"the target ran on {_places(window.target_threads)}, the client on {_places(window.client_threads)}"
    idle = {core: idle for pool in window.pools for core, idle in pool.idle.items()}
    if len(idle) > _MOST_LISTED:
        yield f"the cores were idle for {_percent(_mean([*idle.values()]))} of the time"
    elif idle:
        yield "idle time: " + ", ".join(f"{_percent(share)} of core {core}" for core, share in sorted(idle.items()))


def _places(threads: Sequence[ThreadUse]) -> str:
    by_core = _by_core(threads, 1)
    total = sum(by_core.values())
    shares = {core: ran / total for core, ran in by_core.items() if ran > _LISTED * total}
    if len(shares) == 1 or len(shares) > _MOST_LISTED:
        return format_cores(shares)
    return " and ".join(f"core {core} ({_percent(share)})" for core, share in sorted(shares.items()))


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def _percent(share: float) -> str:
    return format_share(round(share, 3))
