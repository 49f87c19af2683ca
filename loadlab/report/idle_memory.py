"""The measures of what one idle connection takes of this machine's memory, and of how many fit into a GiB.

No connection gives memory back. So where a part came out below zero, something else changed what was in use while the
connections were opened, and it may have changed the other parts as well: such a trial has none of these figures.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from loadlab.report.measures import NUMBER, SIZE, Measure, measure_of
from loadlab.results.idle import ConnectionMemory
from loadlab.results.trial import TrialResult

_GIB: Final = 1 << 30
ROUGH_NUMBER: Final = replace(NUMBER, format=lambda number: f"{float(f'{number:.3g}'):,.0f}")
"""How many fit: to three digits."""


def _undisturbed(read_bytes: Callable[[ConnectionMemory], float]) -> Callable[[TrialResult], float | None]:
    def read(trial: TrialResult) -> float | None:
        memory = trial.connection_memory
        return read_bytes(memory) if memory and memory.connections and not is_disturbed(memory) else None

    return read


def is_disturbed(memory: ConnectionMemory) -> bool:
    """Return whether something else changed the memory in use while the connections were opened."""
    return min(memory.kernel_bytes, memory.target_bytes, memory.client_bytes) < 0


def _part(name: str, title: str, read_bytes: Callable[[ConnectionMemory], float]) -> Measure:
    read = _undisturbed(lambda memory: read_bytes(memory) / memory.connections)
    return Measure(f"connection_memory.{name} / connections", title, SIZE, read)


MEMORY_PARTS: Final = (
    _part("kernel_bytes", "Kernel, both ends", lambda memory: memory.kernel_bytes),
    _part("target_bytes", "Target", lambda memory: memory.target_bytes),
    _part("client_bytes", "Client", lambda memory: memory.client_bytes),
)
MEMORY_OF_ONE: Final = replace(
    measure_of("connection_memory.bytes_per_connection"),
    read=_undisturbed(lambda memory: memory.bytes_per_connection),
)


def _capacity(template: str, read_bytes: Callable[[ConnectionMemory], float]) -> Measure:
    def read(memory: ConnectionMemory) -> float:
        return _GIB * memory.connections / max(read_bytes(memory), 1)

    return Measure(f"connections per GiB: {template}", template, ROUGH_NUMBER, _undisturbed(read), more_is_better=True)


CAPACITIES: Final = (
    _capacity(
        "Number of {idle}s in a GiB, the server's end", lambda memory: memory.target_bytes + memory.kernel_bytes / 2
    ),
    _capacity("Number of {idle}s in a GiB, both ends", lambda memory: memory.bytes_per_connection * memory.connections),
)
"""How many fit: of the server's end, which is the target and half of the kernel's part, and of both ends."""
