"""What one idle connection takes of this machine's memory: in the kernel, in the target, and in the client."""

import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from loadlab.report.arrangement import Arrangement
from loadlab.report.measures import Measure, measure_of
from loadlab.report.quantities import SIZE
from loadlab.report.tables.plain import PlainTable
from loadlab.results.model import ConnectionMemory, TrialResult
from loadlab.units import format_size_bytes


def _measure(part: str, title: str, read_bytes: Callable[[ConnectionMemory], float]) -> Measure:
    def read(trial: TrialResult) -> float | None:
        memory = trial.connection_memory
        return read_bytes(memory) / memory.connections if memory and memory.connections else None

    return Measure(f"connection_memory.{part} / connections", title, SIZE, read)


KERNEL: Final = _measure("kernel_bytes", "Kernel, both ends", lambda memory: memory.kernel_bytes)
TARGET: Final = _measure("target_bytes", "Target", lambda memory: memory.target_bytes)
CLIENT: Final = _measure("client_bytes", "Client", lambda memory: memory.client_bytes)
PARTS: Final = (KERNEL, TARGET, CLIENT)
ALL_TOLD: Final = measure_of("connection_memory.bytes_per_connection")


def describe_split(arrangement: Arrangement) -> Iterator[str]:
    """Yield one sentence on what a connection takes where most are open; of several servers none, as they differ."""
    held = [setting for setting in arrangement.settings if any(trial.connection_memory for trial in setting.measured)]
    if not held or len(arrangement.line_names) > 1 or (len(held) > 1 and not arrangement.x_is_number):
        return
    trials = held[-1].measured
    kernel, target, client, all_told = (_median(trials, measure) for measure in (*PARTS, ALL_TOLD))
    where = f" at {arrangement.name_of(held[-1])}" if arrangement.x_path else ""
    yield (
        f"One idle connection takes {all_told} of memory{where}: {kernel} in the kernel for both ends, {target} in the "
        f"target, and {client} in the client."
    )


def connection_table(arrangement: Arrangement) -> PlainTable | None:
    """Return the split for each setting, medians over its repeats; None where no trial has any."""
    rows: list[tuple[str, ...]] = []
    for setting in arrangement.settings:
        if any(trial.connection_memory for trial in setting.measured):
            figures = [_median(setting.measured, measure) for measure in (*PARTS, ALL_TOLD)]
            rows.append((arrangement.name_of(setting) or "the target", *figures))
    if not rows:
        return None
    return PlainTable(
        title="Bytes of one idle connection",
        groups=(),
        columns=("", "kernel, both ends", "target", "client", "all told"),
        rows=tuple(rows),
        note=(
            "The growth of each while the idle connections were opened, divided by their number. Both ends of a "
            "connection are on this machine, so the kernel holds it twice; target and client are their own memory, the "
            "interpreters of the processes that hold the client's ends among it."
        ),
    )


def _median(trials: Iterable[TrialResult], measure: Measure) -> str:
    values = [value for trial in trials if (value := measure.read(trial)) is not None]
    return format_size_bytes(statistics.median(values)) if values else "\N{EN DASH}"
