"""What passing control from one unit to another of its kind costs, in time and in memory for each unit."""

import os
import statistics
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from time import perf_counter_ns
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.micro.kernel_units import Processes, Threads
from loadlab.micro.messages import MicroFigures, SwitchCostPart, Unit
from loadlab.micro.units import Calls, Coroutines, UnitKind, bare_coroutines, generators
from loadlab.processes.proc import PROC, read_memory_sizes

_BATCHES: Final = 25
_KINDS: Final[dict[Unit, UnitKind]] = {
    Unit.CALL: Calls(),
    Unit.GENERATOR: generators(),
    Unit.BARE_COROUTINE: bare_coroutines(),
    Unit.COROUTINE: Coroutines(),
    Unit.THREAD: Threads(),
    Unit.PROCESS: Processes(),
}


def measure_switch_cost(part: SwitchCostPart) -> MicroFigures:
    """Measure what `part` describes. Raises LoadlabError if there cannot be so many units."""
    kind = _KINDS[part.unit]
    if part.count > kind.most:
        raise LoadlabError(f"{part.count:,} {kind.plural} are too many to weigh; set a count of at most {kind.most:,}")
    bytes_per_unit = _measure_bytes(kind, part.count)
    batches = [kind.pass_turns(kind.switches) / kind.switches for _ in range(_BATCHES)]
    overheads = [_time_empty_loop(kind.switches) / kind.switches for _ in range(_BATCHES)]
    return MicroFigures(
        cost_ns=statistics.median(batches),
        cost_ns_min=min(batches),
        overhead_ns=statistics.median(overheads),
        bytes_per_unit=bytes_per_unit,
        repeats=_BATCHES,
    )


def read_anonymous_bytes(others: Iterable[int], proc: Path = PROC) -> int:
    """Return the anonymous memory of this process and of those with the pids `others`. Raises LoadlabError."""
    return sum(_read_anonymous_bytes(pid, proc) for pid in (os.getpid(), *others))


def _measure_bytes(kind: UnitKind, count: int) -> float:
    before_bytes = read_anonymous_bytes(())
    return (kind.weigh_alive(count, read_anonymous_bytes) - before_bytes) / count


def _time_empty_loop(switches: int) -> int:
    start_ns = perf_counter_ns()
    for _ in repeat(None, switches):
        pass
    return perf_counter_ns() - start_ns


def _read_anonymous_bytes(pid: int, proc: Path) -> int:
    try:
        sizes = read_memory_sizes(pid, proc)
    except OSError as error:
        raise LoadlabError(f"memory cannot be measured here: {error.filename}: {error.strerror}") from error
    if "Pss_Anon" not in sizes:
        raise LoadlabError("memory cannot be measured here: it takes Linux 5.4 or later")
    return sizes["Pss_Anon"]
