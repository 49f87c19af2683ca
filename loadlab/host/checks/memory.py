"""Memory: what is free, and what is swapped out."""

from typing import Final

from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements
from loadlab.units import format_size_bytes

_SWAPPED_FRACTION: Final = 0.1
# Limits and use in the files of either version of control groups, and what of the use the kernel would rather drop than
# refuse memory: pages of files.
_VERSIONS: Final = (
    (("memory.max", "memory.high"), "memory.current", "inactive_file"),
    (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
)


class AvailableMemory(Check):
    """Whether connections and processes fit into what can be had without swapping, within our control groups' limits.

    The only check that refuses trials: a process that takes too much of anything else gets an error from the kernel,
    but if memory runs out, the kernel kills a process, and not always one of ours.
    """

    name = "memory"
    refuses = True

    def __init__(self, machine: Machine) -> None:
        self._available_bytes = available_bytes(machine)

    def examine(self, needed: Requirements) -> Diagnosis:
        needed_bytes, available_bytes = needed.memory_bytes, self._available_bytes
        size = format_size_bytes(needed_bytes)
        if available_bytes is None:
            return self.ok("unknown", size)
        here = f"{format_size_bytes(available_bytes)} available"
        if needed_bytes <= available_bytes:
            return self.ok(here, size)
        fix = f"free {format_size_bytes(needed_bytes - available_bytes)}"
        if needed.connections:
            fitting = _round_down(needed.connections * available_bytes // needed_bytes)
            fix += f", or ask for fewer connections: about {fitting:,} fit"
        whose = f"{needed.connections:,} connections and their processes" if needed.connections else "this"
        return self.blocker(
            here,
            size,
            f"{whose} would take {size} of memory, and {format_size_bytes(available_bytes)} are available",
            fix,
        )


class Swap(Check):
    """Whether much memory is swapped out."""

    name = "swap"

    def __init__(self, machine: Machine) -> None:
        sizes = machine.read_sizes("proc/meminfo")
        self._total_bytes = sizes.get("MemTotal", 0)
        self._swapped_bytes = sizes.get("SwapTotal", 0) - sizes.get("SwapFree", 0)

    def examine(self, needed: Requirements) -> Diagnosis:
        swapped = format_size_bytes(self._swapped_bytes)
        here = f"{swapped} in use"
        if self._swapped_bytes <= _SWAPPED_FRACTION * self._total_bytes:
            return self.ok(here)
        return self.warning(
            here,
            None,
            f"{swapped} are swapped out, and a trial slows down while any of it is swapped in again",
            "free memory, then bring the rest back: `swapoff -a && swapon -a`",
        )


def available_bytes(machine: Machine) -> int | None:
    """Return what can be had without swapping, within our control groups' limits; None where that cannot be seen."""
    of_kernel = kernel_available_bytes(machine)
    free = [] if of_kernel is None else [of_kernel]
    free += [room for group in machine.control_groups("memory") if (room := _room(machine, group)) is not None]
    return min(free, default=None)


def kernel_available_bytes(machine: Machine) -> int | None:
    """Return what all that runs on this kernel can have together without swapping."""
    sizes = machine.read_sizes("proc/meminfo")
    # Before Linux 3.14 there was no MemAvailable.
    return sizes.get("MemAvailable", sizes.get("MemFree", 0) + sizes.get("Cached", 0)) if sizes else None


def _room(machine: Machine, group: str) -> int | None:
    """Return what a control group may still take, None if it has no limit that can be seen."""
    for limit_names, used_name, reclaimable_name in _VERSIONS:
        limits = [limit for name in limit_names if (limit := machine.read_number(f"{group}/{name}")) is not None]
        used = machine.read_number(f"{group}/{used_name}")
        if limits and used is not None:
            lines = (line.split() for line in (machine.read_text(f"{group}/memory.stat") or "").splitlines())
            reclaimable = sum(int(value) for name, value in lines if name == reclaimable_name)
            return max(0, min(limits) - used + reclaimable)
    return None


def _round_down(number: int) -> int:
    """Return the number with all but its first two digits made 0."""
    digits = str(number)
    return int(digits[:2].ljust(len(digits), "0"))
