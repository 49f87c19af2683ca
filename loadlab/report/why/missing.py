"""What the probes could not see, told once for all the trials in which it was said."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from loadlab.report.arrangement import Arrangement
from loadlab.results.model import TrialResult

# What a tool says of itself names its files and processes, which are others in each trial.
_OF_ONE_TRIAL: Final = re.compile(r"/(?:tmp|proc|run|var/tmp|dev/shm)/[^\s:;,'\")]+|(?<=pid )\d+|(?<=process )\d+")
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class Missing:
    """One message, and the settings it came from; of files and processes that differ it has an ellipsis."""

    text: str
    places: tuple[str, ...]


def missing_of(arrangement: Arrangement) -> tuple[Missing, ...]:
    """Return what any trial lacks, in the words of the probe, which name what would give it."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for setting in arrangement.settings:
        for trial in setting.trials:
            for text in _texts(trial):
                place = arrangement.name_of(setting) or f"trial {trial.id}"
                groups.setdefault(_OF_ONE_TRIAL.sub(_ELLIPSIS, text), []).append((text, place))
    return tuple(
        Missing(
            text=found[0][0] if len({text for text, _ in found}) == 1 else shared,
            places=tuple(dict.fromkeys(place for _, place in found)),
        )
        for shared, found in groups.items()
    )


def _texts(trial: TrialResult) -> Iterator[str]:
    if syscalls := trial.probes.syscalls:
        yield from _told("System calls", [*syscalls.missed, *syscalls.problems])
    if cpu := trial.probes.cpu:
        sides = [side for side in (cpu.target, cpu.client) if side]
        yield from _told("CPU", [*cpu.problems, *(text for side in sides for text in side.missing)])


def _told(probe: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield f"{probe}: {text}"
