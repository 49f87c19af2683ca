"""Checks of what may spoil figures without stopping a trial: too few cores, changing speed, slow clocks, other work."""

from collections.abc import Collection
from typing import Final

from loadlab.host.checks.diagnosis import Diagnosis, State
from loadlab.host.machine import Condition
from loadlab.host.requirements import Needs
from loadlab.units import format_size_bytes

# docs/benchmarks.md: 7 us of CPU time a request, which leaves a third of a core for being on time.
_REQUESTS_PER_CORE: Final = 100_000
_BUSY_PER_CORE: Final = 0.5
_SWAPPED_FRACTION: Final = 0.1
# The kernel lets processes read these without a system call (the vDSO). Any other costs a system call each time.
_FAST_CLOCKS: Final = frozenset(
    {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource", "timebase", "tod"}
)
# Idle connections are opened in rounds of half the target's queue, active ones a hundred at once.
_SHORT_QUEUE: Final = 512


def check_cores(condition: Condition, needs: Needs) -> Diagnosis:
    """Look whether target and load can have cores of their own, and those that the profile names."""
    name, cores = "cores", condition.processor.cores
    here = f"{len(cores)}: {_spell_cores(cores)}"
    if missing := needs.cores - {*cores}:
        return Diagnosis(
            name,
            here,
            _spell_cores(sorted(needs.cores)),
            State.BLOCKER,
            f"the profile's placement names core {min(missing)}, which loadlab may not use here",
            "name others, or set placement to auto",
        )
    needed = "2: one each for target and load" if needs.connections else "1"
    if len(cores) > 1 or needs.connections == 0:
        return Diagnosis(name, here, needed)
    return Diagnosis(
        name,
        here,
        needed,
        State.WARNING,
        "target and load share the only core, so each waits for the other",
        "use a machine with at least two cores, and compare servers by CPU time per request rather than throughput",
    )


def check_rate(condition: Condition, needs: Needs) -> Diagnosis:
    """Look whether the cores of the load can send at the rate of an open load."""
    name, here = "rate", f"about {_REQUESTS_PER_CORE:,} requests/s from a core"
    needed = f"{needs.requests_per_core:,} from a core" if needs.requests_per_core else None
    if needs.requests_per_core <= _REQUESTS_PER_CORE:
        return Diagnosis(name, here, needed)
    return Diagnosis(
        name,
        here,
        needed,
        State.WARNING,
        f"each core of the load would send {needs.requests_per_core:,} requests a second, and about "
        f"{_REQUESTS_PER_CORE:,} are what one can do",
        "lower load.rate, or give the load more cores (placement, load.workers)",
    )


def check_backlog(condition: Condition, needs: Needs) -> Diagnosis:
    """Look whether the queues of new connections are long enough to open many quickly."""
    network = condition.network
    queues = {"somaxconn": network.backlog, "tcp_max_syn_backlog": network.handshakes}
    known = {queue: length for queue, length in queues.items() if length is not None}
    here = ", ".join(f"{queue} {length:,}" for queue, length in known.items()) or "unknown"
    needed = min(needs.connections, _SHORT_QUEUE)
    shortest = min(known.values(), default=needed)
    if needed <= shortest:
        return Diagnosis("listen backlog", here, f"{needed:,}")
    return Diagnosis(
        "listen backlog",
        here,
        f"{needed:,}",
        State.WARNING,
        f"no more than {shortest:,} new connections can wait to be accepted, so opening them takes long",
        "`sysctl net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096`",
    )


def check_governor(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether the cores keep one frequency."""
    name, governors = "frequency governor", condition.processor.governors
    if not governors:
        return Diagnosis(name, "none, as in most virtual machines")
    here = ", ".join(sorted(governors))
    if governors == {"performance"}:
        return Diagnosis(name, here)
    return Diagnosis(
        name,
        here,
        None,
        State.WARNING,
        "the frequency of the cores follows the load, so figures vary from run to run",
        "`cpupower frequency-set -g performance`",
    )


def check_clock(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether reading the clock is cheap: every request is timed twice."""
    name, processor = "clock source", condition.processor
    if processor.clock_source is None:
        return Diagnosis(name, "unknown")
    if processor.clock_source in _FAST_CLOCKS:
        return Diagnosis(name, processor.clock_source)
    better = next((source for source in processor.clock_sources if source in _FAST_CLOCKS), None)
    file = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    return Diagnosis(
        name,
        processor.clock_source,
        None,
        State.WARNING,
        f"each reading of the clock {processor.clock_source} is a system call, and every request is timed",
        f"`echo {better} > {file}`" if better else "use a machine or an instance type that offers the clock source tsc",
    )


def check_busy(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether others used the cores over the last minute."""
    processor = condition.processor
    here = f"{processor.load_average:.2f} over a minute"
    if processor.load_average < _BUSY_PER_CORE * len(processor.cores):
        return Diagnosis("load average", here)
    return Diagnosis(
        "load average",
        here,
        None,
        State.WARNING,
        f"the machine was busy over the last minute: load average {processor.load_average:.2f} on "
        f"{len(processor.cores)} cores",
        "stop what else runs (`top` shows it); after a run of loadlab itself, wait a minute",
    )


def check_swap(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether much memory is swapped out."""
    memory = condition.memory
    swapped = format_size_bytes(memory.swapped_bytes)
    here = f"{swapped} in use"
    if memory.swapped_bytes <= _SWAPPED_FRACTION * memory.total_bytes:
        return Diagnosis("swap", here)
    return Diagnosis(
        "swap",
        here,
        None,
        State.WARNING,
        f"{swapped} are swapped out; what is swapped in during a trial makes it slow",
        "free memory, then bring the rest back: `swapoff -a && swapon -a`",
    )


def _spell_cores(cores: Collection[int]) -> str:
    return ", ".join(map(str, cores))
