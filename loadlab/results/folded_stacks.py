"""CPU profiles as folded stacks, the text that flame graph tools read: a line `frame;frame;frame count` for each stack.

The first frame of a stack is the thread.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.results.probe_data import CpuBackend, Side

FrameKind = Literal["python", "javascript", "native", "kernel"]
Stack = tuple[str, ...]
Stacks = Mapping[Stack, int]
"""How many samples found each stack."""

KERNEL_MARK: Final = "_[k]"
_PYTHON_PLACE: Final = re.compile(r" \((?:[^()]*\.py|<[^()]*>):\d+\)$")
_JAVASCRIPT_PLACE: Final = re.compile(r" \((?:[^()]*\.[cm]?js|node:[^()]*):\d+\)$")
# A frame that ended a line or began the next frame would change what the file says.
_ESCAPES: Final = str.maketrans({";": ":", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class RecordedStacks:
    """What one backend saw. `lost` counts samples that it could not take or keep.

    `blocking` is whether it stopped the watched processes for each sample; `notes` are sentences for the reader.
    """

    backend: CpuBackend
    rate_hz: int
    stacks: Stacks
    lost: int
    blocking: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CpuRecording:
    """What all backends saw of one group of processes; `missing` has a sentence for each that could not be used."""

    recorded: tuple[RecordedStacks, ...]
    missing: tuple[str, ...]


def folded_file(side: Side, backend: CpuBackend) -> str:
    """Return the name of the file of folded stacks in a trial's directory."""
    return f"cpu-{side}-{backend}.folded"


def format_folded(stacks: Stacks) -> str:
    """Return the text that flame graph tools read, in an order that does not depend on that of the samples."""
    return "".join(
        f"{';'.join(frame.translate(_ESCAPES) for frame in stack)} {count}\n" for stack, count in sorted(stacks.items())
    )


def parse_folded(text: str) -> dict[Stack, int]:
    """Return the stacks of a folded file. Raises ValueError for a line that is none."""
    return count_stacks(_parse_line(number, line) for number, line in enumerate(text.split("\n"), 1) if line)


def count_stacks(counted: Iterable[tuple[Stack, int]]) -> dict[Stack, int]:
    """Return stacks with their counts, those that are alike added up."""
    stacks: dict[Stack, int] = {}
    for stack, count in counted:
        stacks[stack] = stacks.get(stack, 0) + count
    return stacks


def kind_of(frame: str) -> FrameKind:
    """Return what ran in a frame, by how it is written. The first frame of a stack is a thread: do not ask for it."""
    if frame.endswith(KERNEL_MARK):
        return "kernel"
    if _PYTHON_PLACE.search(frame):
        return "python"
    return "javascript" if _JAVASCRIPT_PLACE.search(frame) else "native"


def _parse_line(number: int, line: str) -> tuple[Stack, int]:
    frames, _, count = line.rpartition(" ")
    if not frames or not (count.isascii() and count.isdigit()):
        raise ValueError(f"line {number} is not a stack and a count")
    return tuple(frames.split(";")), int(count)
