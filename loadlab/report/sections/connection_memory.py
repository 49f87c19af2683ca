"""What one idle connection takes of this machine's memory: in the kernel, in the target, and in the client.

No connection gives memory back. So where a part came out below zero, something else changed what was in use while the
connections were opened, and it may have changed the other parts as well: such a trial has none of these figures.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from loadlab.report.layout import Arrangement, Setting
from loadlab.report.measures import SIZE, Measure, measure_of
from loadlab.results.model import ConnectionMemory, TrialResult
from loadlab.units import format_size_bytes

_NOTE: Final = (
    "The memory in use after opening the idle connections less that before, divided by their number. Both ends of a "
    "connection are on this machine, so the kernel holds it twice. Target and client are the memory of their "
    "processes; the client's includes the interpreters that hold its ends."
)
_NOTE_ON_FEW: Final = "Few connections have no figure: the memory in use on the machine varies by more than they take."
_NOTE_ON_DISTURBED: Final = (
    "There are no figures where a part came out below zero: something else changed the memory in use meanwhile."
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
TOTAL: Final = replace(
    measure_of("connection_memory.bytes_per_connection"),
    read=_undisturbed(lambda memory: memory.bytes_per_connection),
)


def describe_split(arrangement: Arrangement) -> Iterator[str]:
    """Yield one sentence on what a connection takes where most are open; of several servers none, as they differ."""
    known = [setting for setting in arrangement.settings if _is_known(setting)]
    if not known or len(arrangement.line_names) > 1 or (len(known) > 1 and not arrangement.x_is_number):
        return
    kernel, target, client, total = _medians(known[-1].measured)
    is_named = arrangement.line_names != ("",) or not arrangement.x_is_number
    where = f" {'with' if is_named else 'at'} {arrangement.name_of(known[-1])}" if arrangement.x_path else ""
    yield (
        f"One idle connection takes {total} of memory{where}: {kernel} in the kernel for both ends, {target} in the "
        f"target, and {client} in the client."
    )


def note_on(arrangement: Arrangement) -> str:
    """Say how the figures came about, and why some are missing; empty where none was to be had."""
    trials = [trial for setting in arrangement.settings for trial in setting.measured]
    disturbed = [_is_disturbed(trial.connection_memory) for trial in trials if trial.connection_memory]
    if not disturbed:
        return ""
    notes = (
        (_NOTE, not all(disturbed)),
        (_NOTE_ON_FEW, any(trial.idle and trial.idle.opened and not trial.connection_memory for trial in trials)),
        (_NOTE_ON_DISTURBED, any(disturbed)),
    )
    return " ".join(note for note, is_due in notes if is_due)


def _is_known(setting: Setting) -> bool:
    return any(TOTAL.read(trial) is not None for trial in setting.measured)


def _medians(trials: Sequence[TrialResult]) -> Iterator[str]:
    """Yield the figure of each part and of all, of trials of which at least one has them."""
    for measure in (*PARTS, TOTAL):
        values = [value for trial in trials if (value := measure.read(trial)) is not None]
        yield format_size_bytes(statistics.median(values))
