"""What a machine did beside the trial: limits that held it up, other processes on its cores, clocks that jumped."""

from collections.abc import Iterator
from typing import Final

from loadlab.analysis.verdict.evidence import CorePool, WindowEvidence, format_cores
from loadlab.results.probe_data import ControlGroupUse
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.units import format_duration_ns, format_share

_STOLEN_SUSPECT: Final = 0.02
_STOLEN_INVALID: Final = 0.2
# A core that wakes thousands of times a second spends up to a tenth of its time waking, charged to no process.
_OTHERS_CORES: Final = 0.15
# Of many cores their kernel's own housekeeping needs a little more.
_OTHERS_OF_MANY: Final = 0.02
# The kernel counts in ticks of 10 ms, for each core and process: less than a few of them is not a measurement.
_COUNTABLE_NS: Final = 50_000_000
_JUMP_NS: Final = 10_000_000
# By how much the kernel itself lets a clock be slewed in the usual way (adjtimex(2)).
_USUAL_CORRECTION: Final = 500e-6

# What is merged from several machines is off by as much as their clocks are.
_CLOCK_BOUND_NS: Final = 1_000_000
# Quartz without a time service is off by up to so much.
_DRIFT_PPM: Final = 50.0

# Of the periods of a quota, 100 ms each as a rule. In one that is throttled some requests wait for the next one.
_THROTTLED_SUSPECT: Final = 0.01
_THROTTLED_INVALID: Final = 0.1
_MEMORY_PRESSURE: Final = 0.02

_OWNERS: Final = {"target": "the target's", "client": "the client's", "both": "the shared"}


def stolen(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the hypervisor took no time from the cores that were used."""
    worst = max((pool.stolen for pool in window.pools), default=0.0)
    lost_ns = max((pool.stolen * len(pool.idle) * result.window_ns for pool in window.pools), default=0.0)
    if worst <= _STOLEN_SUSPECT or lost_ns <= _COUNTABLE_NS:
        return None
    shares = (
        f"{format_share(round(pool.stolen, 3))} of the time of {_name(pool)}" for pool in window.pools if pool.stolen
    )
    return Finding(
        code="stolen",
        severity="invalid" if worst > _STOLEN_INVALID else "suspect",
        text="The hypervisor took CPU time from the machine (steal time).",
        evidence=", ".join(shares),
        advice="Run again when the host is quiet, or on a dedicated machine.",
    )


def throttled(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that no CPU quota of a control group stopped target or client.

    One that holds only the target is part of what is measured: its figures are those of a target with that quota.
    """
    groups = [group for group in window.control_groups if is_throttled(group)]
    if not groups:
        return None
    client_too = any("client" in group.holds and group.throttled_share > _THROTTLED_INVALID for group in groups)
    sides = {side for group in groups for side in group.holds}
    return Finding(
        code="throttled",
        severity="invalid" if client_too else "suspect",
        text=f"A CPU quota was used up, and the kernel stopped {' and '.join(sorted(sides, reverse=True))} "
        "until its next period.",
        evidence="; ".join(map(_describe_throttling, groups)),
        advice="Raise the quota, or give whole cores instead (docker run --cpuset-cpus); keep the client out of the "
        "target's quota. With a target that is to be measured within its quota, lower the load.",
    )


def is_throttled(group: ControlGroupUse) -> bool:
    """Return whether a group's quota stopped what it holds for a noticeable part of the time."""
    return group.throttled_share > _THROTTLED_SUSPECT


def short_of_memory(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that neither memory.high of a control group nor a lack of memory made processes wait."""
    evidence = [
        f"{group.group} exceeded its memory.high {group.memory_high:,} times"
        for group in window.control_groups
        if group.memory_high
    ]
    pressures = {"the machine": window.memory_pressure_ns}
    pressures |= {group.group: group.memory_pressure_ns for group in window.control_groups}
    shares = {whose: (waited_ns or 0) / result.window_ns for whose, waited_ns in pressures.items() if result.window_ns}
    evidence += [
        f"some process of {whose} waited for memory for {format_share(round(share, 3))} of the time"
        for whose, share in shares.items()
        if share > _MEMORY_PRESSURE
    ]
    if not evidence:
        return None
    return Finding(
        code="short_of_memory",
        severity="suspect",
        text="Memory ran short, and processes waited while the kernel reclaimed some.",
        evidence="; ".join(evidence),
        advice="Raise memory.high of that group, stop other programs, or ask for fewer connections.",
    )


def disturbed(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that processes that have no part in the trial left the cores of target and client alone."""
    uses = [f"{pool.others:.2f} of {_name(pool)}" for pool in _disturbed_pools(result, window)]
    if not uses or is_unseen(result):  # then the target itself is among the others
        return None
    return Finding(
        code="disturbed",
        severity="suspect",
        text="Other processes used the CPU during the measurement.",
        evidence=f"used {', '.join(uses)}",
        advice="Stop other programs on the machine (top shows them), then run again.",
    )


def target_unseen(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Note that nothing is known of the target's processes, though their machine watches them."""
    if not is_unseen(result):
        return None
    hosted = result.server is not None and result.server.on is not None
    program = "the Dask worker of its machine" if hosted else "loadlab"
    return Finding(
        code="target_unseen",
        severity="note",
        text="The server's processes cannot be seen: they are another user's, or in another container.",
        evidence="its CPU time and memory are not known, nor whether other programs used the CPU",
        advice=f"Run {program} as root or as the server's user, in its PID namespace; or name its process "
        "(target.pid).",
    )


def is_unseen(result: TrialResult) -> bool:
    """Return whether the target is on this machine, or one that watches it, but its processes cannot be seen."""
    server = result.server
    return server is not None and (not server.remote or server.on is not None) and result.target is None


def clock_jumped(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that no clock that the measurement rests on was set, stood still, or was slewed more than is usual."""
    changes = {
        "the wall clock was set by": (window.clock_set_ns, _JUMP_NS),
        "the machine slept for": (window.clock_asleep_ns, _JUMP_NS),
        "the monotonic clock was slewed by": (
            window.clock_corrected_ns,
            _JUMP_NS + _USUAL_CORRECTION * result.window_ns,
        ),
    }
    jumps = [
        f"{what} {format_duration_ns(change)}" for what, (change, allowed) in changes.items() if abs(change) > allowed
    ]
    if not jumps:
        return None
    return Finding(
        code="clock_jumped",
        severity="suspect",
        text="The clock jumped during the measurement, so its times may be wrong.",
        evidence=", ".join(jumps),
        advice="Let the time service settle before a run (chronyc tracking), and keep the machine awake.",
    )


def clock_offset(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the offset of a client machine's clock is known to within a millisecond, and stays what it is.

    By as much its window may begin earlier or later than that of others. Intervals of all machines are merged: a
    schedule's arrivals are then counted in each other's, and what a stall of the target delayed lies in two.
    """
    clock = window.clock
    if clock is None:
        return None
    is_vague = clock.bound_ns > _CLOCK_BOUND_NS
    if not is_vague and abs(clock.drift_ppm) - clock.drift_bound_ppm <= _DRIFT_PPM:
        return None
    drift = f"{clock.drift_ppm:+.0f} ± {clock.drift_bound_ppm:.0f} ppm"
    bound = f"known to within {format_duration_ns(clock.bound_ns)}"
    return Finding(
        code="clock_offset",
        severity="suspect" if is_vague and result.load_model == "open" else "note",
        text="The offset of its clock is not known to within 1 ms, so its intervals may be shifted against those "
        "of the others."
        if is_vague
        else "Its clock is drifting away from the coordinator's.",
        evidence=f"offset {format_duration_ns(clock.offset_ns)}, {bound}, drift {drift}",
        advice="Bring coordinator, scheduler and machine closer to one another in the network, and leave cores to the "
        "Dask worker: the offset is known to within half of the shortest round trip."
        if is_vague
        else "Run a time service such as chrony on both machines (chronyc tracking shows how far each is off).",
    )


def _disturbed_pools(result: TrialResult, window: WindowEvidence) -> Iterator[CorePool]:
    for pool in window.pools:
        allowed = max(_OTHERS_CORES, _OTHERS_OF_MANY * len(pool.idle))
        if pool.others > allowed and pool.others * result.window_ns > _COUNTABLE_NS:
            yield pool


def _describe_throttling(group: ControlGroupUse) -> str:
    return (
        f"{group.group}, {group.quota_cores or 0:.3g} cores for {' and '.join(sorted(group.holds, reverse=True))}: "
        f"throttled in {group.throttled_periods:,} of {group.periods:,} periods "
        f"({format_share(round(group.throttled_share, 3))}), for {format_duration_ns(group.throttled_ns)} in all"
    )


def _name(pool: CorePool) -> str:
    return f"{_OWNERS[pool.owner]} {format_cores(pool.idle)}"
