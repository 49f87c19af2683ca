"""What this machine did beside the trial: others on its cores, and clocks that jump."""

from collections.abc import Iterator
from typing import Final

from loadlab.analysis.verdict.evidence import CorePool, WindowEvidence
from loadlab.results.model import Finding, TrialResult
from loadlab.units import format_duration_ns, format_share

_STOLEN_SUSPECT: Final = 0.02
_STOLEN_INVALID: Final = 0.2
# A core that wakes thousands of times a second spends up to a tenth of its time on waking, which is charged to nobody.
_OTHERS_CORES: Final = 0.15
# Of many cores their kernel's own housekeeping needs a little more.
_OTHERS_OF_MANY: Final = 0.02
# The kernel tells in ticks of 10 ms, for each core and process: less than a few of them is nothing that was measured.
_COUNTABLE_NS: Final = 50_000_000
_JUMP_NS: Final = 10_000_000
# What the kernel itself lets a clock be driven faster or slower by, in the usual way (adjtimex(2)).
_USUAL_CORRECTION: Final = 500e-6

_OWNERS: Final = {"target": "the target's", "load": "the load's", "both": "target's and load's"}


def stolen(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the hypervisor took time from the cores that were used."""
    worst = max((pool.stolen for pool in window.pools), default=0.0)
    lost_ns = max((pool.stolen * len(pool.idle) * result.window_ns for pool in window.pools), default=0.0)
    if worst <= _STOLEN_SUSPECT or lost_ns <= _COUNTABLE_NS:
        return None
    told = (
        f"{format_share(round(pool.stolen, 3))} of the time of {_name(pool)}" for pool in window.pools if pool.stolen
    )
    return Finding(
        code="stolen",
        severity="invalid" if worst > _STOLEN_INVALID else "suspect",
        text="The hypervisor gave CPU time of this machine to others.",
        evidence=", ".join(told),
        advice="Run again when the host is quiet, or on a machine of your own.",
    )


def disturbed(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when processes that have no part in the trial ran on the cores of target or load."""
    told = [f"{pool.others:.2f} of {_name(pool)}" for pool in _disturbed_pools(result, window)]
    if not told:
        return None
    return Finding(
        code="disturbed",
        severity="suspect",
        text="Other processes used the CPU during the measurement.",
        evidence=f"they used {', '.join(told)}",
        advice="Stop what else runs on this machine (top shows it), then run again.",
    )


def clock_jumped(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when a clock that the measurement rests on was set, stood still, or was driven faster than is usual."""
    changes = {
        "the wall clock was set by": (window.clock_set_ns, _JUMP_NS),
        "the machine slept for": (window.clock_asleep_ns, _JUMP_NS),
        "the monotonic clock was driven away by": (
            window.clock_corrected_ns,
            _JUMP_NS + _USUAL_CORRECTION * result.window_ns,
        ),
    }
    told = [
        f"{what} {format_duration_ns(change)}" for what, (change, allowed) in changes.items() if abs(change) > allowed
    ]
    if not told:
        return None
    return Finding(
        code="clock_jumped",
        severity="suspect",
        text="The clock jumped during the measurement, so its times may be wrong.",
        evidence=", ".join(told),
        advice="Let the time service settle before a run (chronyc tracking), and keep the machine awake.",
    )


def _disturbed_pools(result: TrialResult, window: WindowEvidence) -> Iterator[CorePool]:
    for pool in window.pools:
        allowed = max(_OTHERS_CORES, _OTHERS_OF_MANY * len(pool.idle))
        if pool.others > allowed and pool.others * result.window_ns > _COUNTABLE_NS:
            yield pool


def _name(pool: CorePool) -> str:
    cores = sorted(pool.idle)
    plural = "core" if len(cores) == 1 else "cores"
    return f"{_OWNERS[pool.side]} {plural} {', '.join(map(str, cores))}"
