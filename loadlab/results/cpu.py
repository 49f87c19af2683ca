"""CPU profiles as a run keeps them: folded stacks in a file of their own, and what run.json says of them.

A stack is a tuple of frames from the outermost to the one that ran. Its first frame is the thread; then come Python
functions as "name (file.py:line)", JavaScript's as "name (file.js:line)" or, in Node.js itself, "name (node:net:line)",
native ones as "name (library)" and those of the kernel as "name_[k]", the mark that flame graph tools know. A folded
file has a line "frame;frame;frame count" for each stack.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from loadlab.results.document import Document

CpuBackend = Literal["py-spy", "perf"]
FrameKind = Literal["python", "javascript", "native", "kernel"]
Side = Literal["target", "client"]
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

    `blocking` tells whether it stopped the watched processes for each sample; `notes` are sentences for the reader.
    """

    backend: CpuBackend
    rate_hz: int
    stacks: Stacks
    lost: int
    blocking: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CpuRecording:
    """What all backends saw of one group of processes; `missing` says in a sentence each what could not be had."""

    recorded: tuple[RecordedStacks, ...]
    missing: tuple[str, ...]


class FunctionShare(Document):
    """A function's part of all samples, from 0 to 1: itself, and with all that it called."""

    name: str
    self_share: float
    total_share: float


class StackProfile(Document):
    """One backend's profile: its stacks are in `file` in the trial's directory; `top` are the ten busiest functions."""

    backend: CpuBackend
    file: Annotated[str, Field(pattern=r"^cpu-[a-z-]+\.folded$")]
    rate_hz: int
    samples: int
    lost: int
    blocking: bool
    notes: list[str]
    top: list[FunctionShare]


class CpuProfile(Document):
    """Where a group of processes spent its CPU time in the measured window.

    There is a profile for each backend that ran. They are samples of the same threads by different clocks, so they
    are never added up; docs/flame-graphs.md says why. `missing` names what could not be had, and what would give it.
    """

    backend: str
    profiles: list[StackProfile]
    missing: list[str]


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
