"""What limits did to target and client meanwhile: CPU quotas that throttled, memory.high, and pressure (PSI).

A control group's quota is CPU time for each period, 100 ms as a rule. Once it is used up, everything in the group
stands still until the next period. The kernel counts the periods in which that happened, for each group that has a
quota, and a process is held up by those of all groups above its own too.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from loadlab.processes.control_groups import Read, groups_of, quota_of, reader
from loadlab.results.probe_data import ControlGroupUse, Pressure, Side

# Reading one takes 0.02 ms, and what a process forks is in the group of that process.
_MOST_ASKED: Final = 64
_here: Final = reader()


@dataclass(frozen=True, slots=True)
class GroupCounters:
    """One control group at one moment; None where it does not count that."""

    quota: float | None
    periods: int
    throttled: int
    throttled_ns: int
    memory_high: int | None
    cpu_pressure_ns: int | None
    memory_pressure_ns: int | None


@dataclass(frozen=True, slots=True)
class LimitsReading:
    """The groups that hold one of both sides, with a quota or not, and the pressure on the whole machine."""

    sides: Mapping[str, frozenset[Side]]
    groups: Mapping[str, GroupCounters]
    pressure: Pressure


def read_limits(pids: Mapping[Side, Collection[int]], read: Read = _here) -> LimitsReading:
    """Find the groups that hold the processes of each side, by their pids, and read what they count."""
    holding: dict[str, set[Side]] = defaultdict(set)
    for side, members in pids.items():
        for membership in {read(f"proc/{pid}/cgroup") or "" for pid in islice(members, _MOST_ASKED)}:
            for controller in ("cpu", "memory"):
                for group in groups_of(membership, controller):
                    holding[_resolve(group)].add(side)
    sides = {group: frozenset(held) for group, held in holding.items()}
    return LimitsReading(sides, _read_groups(sides, read), _read_pressure(read))


def read_limits_again(earlier: LimitsReading, read: Read = _here) -> LimitsReading:
    """Read the same groups as before."""
    return LimitsReading(earlier.sides, _read_groups(earlier.sides, read), _read_pressure(read))


def limits_between(start: LimitsReading, end: LimitsReading) -> list[ControlGroupUse]:
    """Return what happened in those groups that have a CPU quota, or exceeded their memory.high."""
    uses = [_use(group, start, end) for group in sorted(start.groups.keys() & end.groups.keys())]
    return [use for use in uses if use.quota_cores is not None or use.memory_high]


def pressure_between(start: LimitsReading, end: LimitsReading) -> Pressure:
    """Return for how long some process of this machine waited for a core, or for memory."""
    return Pressure(
        cpu_ns=_passed(start.pressure.cpu_ns, end.pressure.cpu_ns),
        memory_ns=_passed(start.pressure.memory_ns, end.pressure.memory_ns),
    )


def total_limits(stretches: Sequence[Sequence[ControlGroupUse]]) -> list[ControlGroupUse]:
    """Return what happened in each group over several stretches together."""
    by_group: dict[str, list[ControlGroupUse]] = defaultdict(list)
    for use in chain.from_iterable(stretches):
        by_group[use.group].append(use)
    return [
        uses[-1].model_copy(
            update={
                "periods": sum(use.periods for use in uses),
                "throttled_periods": sum(use.throttled_periods for use in uses),
                "throttled_ns": sum(use.throttled_ns for use in uses),
                "memory_high": _sum(use.memory_high for use in uses),
                "cpu_pressure_ns": _sum(use.cpu_pressure_ns for use in uses),
                "memory_pressure_ns": _sum(use.memory_pressure_ns for use in uses),
            }
        )
        for uses in by_group.values()
    ]


def total_pressure(stretches: Sequence[Pressure]) -> Pressure:
    """Return the pressure over several stretches together."""
    return Pressure(
        cpu_ns=_sum(each.cpu_ns for each in stretches), memory_ns=_sum(each.memory_ns for each in stretches)
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _resolve(group: str) -> str:
    # In version 1 a directory that several controllers share goes by several names.
    return os.path.realpath(f"/{group}").removeprefix("/")


def _read_groups(groups: Collection[str], read: Read) -> dict[str, GroupCounters]:
    return {group: _read_group(group, read) for group in groups}


def _read_group(group: str, read: Read) -> GroupCounters:
    stat = _parse_counters(read(f"{group}/cpu.stat"))
    return GroupCounters(
        quota=quota_of(read, group),
        periods=stat.get("nr_periods", 0),
        throttled=stat.get("nr_throttled", 0),
        # Version 2 counts in microseconds, version 1 in nanoseconds.
        throttled_ns=stat["throttled_usec"] * 1000 if "throttled_usec" in stat else stat.get("throttled_time", 0),
        memory_high=_parse_counters(read(f"{group}/memory.events")).get("high"),
        cpu_pressure_ns=_parse_pressure(read(f"{group}/cpu.pressure")),
        memory_pressure_ns=_parse_pressure(read(f"{group}/memory.pressure")),
    )


def _read_pressure(read: Read) -> Pressure:
    return Pressure(
        cpu_ns=_parse_pressure(read("proc/pressure/cpu")), memory_ns=_parse_pressure(read("proc/pressure/memory"))
    )


def _parse_counters(text: str | None) -> dict[str, int]:
    lines = (line.split() for line in (text or "").splitlines())
    return {parts[0]: int(parts[1]) for parts in lines if len(parts) == 2 and parts[1].isdecimal()}


def _parse_pressure(text: str | None) -> int | None:
    """Return for how long some task was held up, from the text of a pressure file (Documentation/accounting/psi)."""
    for line in (text or "").splitlines():
        kind, *values = line.split() or [""]
        total = dict(value.partition("=")[::2] for value in values).get("total", "")
        if kind == "some" and total.isdecimal():
            return int(total) * 1000
    return None


def _use(group: str, start: LimitsReading, end: LimitsReading) -> ControlGroupUse:
    before, after = start.groups[group], end.groups[group]
    return ControlGroupUse(
        group=f"/{group}",
        holds=sorted(start.sides[group]),
        quota_cores=after.quota,
        periods=after.periods - before.periods,
        throttled_periods=after.throttled - before.throttled,
        throttled_ns=after.throttled_ns - before.throttled_ns,
        memory_high=_passed(before.memory_high, after.memory_high),
        cpu_pressure_ns=_passed(before.cpu_pressure_ns, after.cpu_pressure_ns),
        memory_pressure_ns=_passed(before.memory_pressure_ns, after.memory_pressure_ns),
    )


def _passed(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
