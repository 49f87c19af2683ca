"""What passing control from one unit to another of its kind costs, in time and in memory for each unit.

A switch is the time from one unit running to the next one running. For generators and coroutines that is out of one
and into another, one `send`; for calls, to the function and back. `units` and `kernel_units` say how each does it.
"""

import statistics
from itertools import repeat
from time import perf_counter_ns
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.micro.conditions import undisturbed
from loadlab.micro.kernel_units import Processes, Threads
from loadlab.micro.memory import read_anonymous_bytes
from loadlab.micro.messages import MicroFigures, SwitchCostPart, Unit
from loadlab.micro.units import BareCoroutines, Calls, Coroutines, Generators, UnitKind

_BATCHES: Final = 25
_KINDS: Final[dict[Unit, UnitKind]] = {
    Unit.CALL: Calls(),
    Unit.GENERATOR: Generators(),
    Unit.BARE_COROUTINE: BareCoroutines(),
    Unit.COROUTINE: Coroutines(),
    Unit.THREAD: Threads(),
    Unit.PROCESS: Processes(),
}


def measure_switch_cost(part: SwitchCostPart) -> MicroFigures:
    """Measure what `part` asks for. Raises LoadlabError if it asks for more units than can be had."""
    kind = _KINDS[part.unit]
    if part.count > kind.most:
        raise LoadlabError(f"{part.count:,} {kind.plural} are too many to weigh; ask for at most {kind.most:,}")
    with undisturbed():
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


def _measure_bytes(kind: UnitKind, count: int) -> float:
    before_bytes = read_anonymous_bytes(())
    return (kind.weigh_alive(count, read_anonymous_bytes) - before_bytes) / count


def _time_empty_loop(switches: int) -> int:
    start_ns = perf_counter_ns()
    for _ in repeat(None, switches):
        pass
    return perf_counter_ns() - start_ns
