"""What one idle connection takes of this machine's memory: in the kernel, in the target, and in the client.

No connection gives memory back. So where a part came out below zero, something else changed what was in use while the
connections were opened, and it may have changed the other parts as well: such a trial has none of these figures.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from loadlab.report.arrangement import Arrangement, Setting
from loadlab.report.measures import Measure, measure_of
from loadlab.report.quantities import SIZE
from loadlab.report.tables.plain import PlainTable
from loadlab.results.model import ConnectionMemory, TrialResult
from loadlab.units import format_size_bytes

_NOTE: Final = (
    "The growth of each while the idle connections were opened, divided by their number. Both ends of a connection are "
    "on this machine, so the kernel holds it twice; target and client are their own memory, the interpreters of the "
    "processes that hold the client's ends among it."
)
_NOTE_ON_DISTURBED: Final = (
    "No figures where a part came out below zero: something else changed the memory in use meanwhile."
)


def _undisturbed(read_bytes: Callable[[ConnectionMemory], float]) -> Callable[[TrialResult], float | None]:
    def read(trial: TrialResult) -> float | None:
        memory = trial.connection_memory
        return read_bytes(memory) if memory and memory.connections and not _is_disturbed(memory) else None

    return read


def _is_disturbed(memory: ConnectionMemory) -> bool:
    return min(memory.kernel_bytes, memory.target_bytes, memory.client_bytes) < 0


def _part(name: str, title: str, read_bytes: Callable[[ConnectionMemory], float]) -> Measure:
    read = _undisturbed(lambda memory: read_bytes(memory) / memory.connections)
    return Measure(f"connection_memory.{name} / connections", title, SIZE, read)


PARTS: Final = (
    _part("kernel_bytes", "Kernel, both ends", lambda memory: memory.kernel_bytes),
    _part("target_bytes", "Target", lambda memory: memory.target_bytes),
    _part("client_bytes", "Client", lambda memory: memory.client_bytes),
)
ALL_TOLD: Final = replace(
    measure_of("connection_memory.bytes_per_connection"),
    read=_undisturbed(lambda memory: memory.bytes_per_connection),
)


def describe_split(arrangement: Arrangement) -> Iterator[str]:
    """Yield one sentence on what a connection takes where most are open; of several servers none, as they differ."""
    told = [setting for setting in arrangement.settings if _is_known(setting)]
    if not told or len(arrangement.line_names) > 1 or (len(told) > 1 and not arrangement.x_is_number):
        return
    kernel, target, client, all_told = _medians(told[-1].measured)
    where = f" at {arrangement.name_of(told[-1])}" if arrangement.x_path else ""
    yield (
        f"One idle connection takes {all_told} of memory{where}: {kernel} in the kernel for both ends, {target} in the "
        f"target, and {client} in the client."
    )


def connection_table(arrangement: Arrangement) -> PlainTable | None:
    """Return the split for each setting, medians over its repeats; None where no trial has any."""
    rows: list[tuple[str, ...]] = []
    disturbed = False
    for setting in arrangement.settings:
        memories = [trial.connection_memory for trial in setting.measured if trial.connection_memory]
        if memories:
            rows.append((arrangement.name_of(setting) or "the target", *_medians(setting.measured)))
            disturbed = disturbed or any(_is_disturbed(memory) for memory in memories)
    if not rows:
        return None
    return PlainTable(
        title="Bytes of one idle connection",
        groups=(),
        columns=("", "kernel, both ends", "target", "client", "all told"),
        rows=tuple(rows),
        note=f"{_NOTE} {_NOTE_ON_DISTURBED}" if disturbed else _NOTE,
    )


def _is_known(setting: Setting) -> bool:
    return any(ALL_TOLD.read(trial) is not None for trial in setting.measured)


def _medians(trials: Iterable[TrialResult]) -> Iterator[str]:
    """Yield the figure of each part and of all, in the order of the table; a dash where no trial has it."""
    measured = [*trials]
    for measure in (*PARTS, ALL_TOLD):
        values = [value for trial in measured if (value := measure.read(trial)) is not None]
        yield format_size_bytes(statistics.median(values)) if values else "\N{EN DASH}"
