"""What py-spy writes: folded stacks, each below its thread and that below its processes; and remarks of its own.

process 40:"python server.py";thread (41): worker;serve (server.py:12);__send (libc.so.6) 7
"""

import re
from dataclasses import dataclass
from typing import Final

from loadlab.probes.cpu.samples import ThreadSample

# A command line may hold anything, so the processes end where the last quotation mark stands before a thread.
_STACK: Final = re.compile(
    r'(?:process \d+:"(?s:.*)";)?thread \((?P<tid>[^)]*)\)(?:: (?P<name>[^;]*))?(?P<frames>(?:;.*)?) (?P<count>\d+)'
)
_C_LINE: Final = re.compile(r"(?<!\.py)(?<!>):\d+\)$")
_ADDRESS: Final = re.compile(r"^0x[0-9a-f]+(?= \()")
_WROTE: Final = re.compile(r"Samples: (?P<samples>\d+) Errors: (?P<errors>\d+)")
_LATE: Final = re.compile(r"(\d\S*) behind in sampling")


@dataclass(frozen=True, slots=True)
class Remarks:
    """What py-spy said on its way: samples that it could not take, and how late it was at worst, None if in time."""

    errors: int
    late: str | None


def parse_stacks(text: str) -> list[ThreadSample]:
    """Return the samples of a file in py-spy's format `raw`. Raises ValueError for a line that is none."""
    samples: list[ThreadSample] = []
    begun = ""
    for number, line in enumerate(text.split("\n"), 1):
        begun += line
        if found := _STACK.fullmatch(begun):
            samples.append(_read_sample(found))
            begun = ""
        elif begun.startswith("process "):
            begun += "\n"  # the command line of a process goes over several lines
        elif begun:
            raise ValueError(f"line {number} is no stack of a thread")
    if begun:
        raise ValueError("it ends within a stack")
    return samples


def parse_remarks(text: str) -> Remarks:
    """Read py-spy's standard output. Raises ValueError if it does not say that the samples were written."""
    wrote = _WROTE.search(text)
    if wrote is None:
        raise ValueError("it did not say how many samples it took")
    late = _LATE.findall(text)
    return Remarks(errors=int(wrote["errors"]), late=late[-1] if late else None)


def _read_sample(found: re.Match[str]) -> ThreadSample:
    # A thread that py-spy knows by its pthread_t alone, in hexadecimal, is no thread of the kernel's.
    tid = found["tid"]
    return ThreadSample(
        tid=int(tid) if tid.isdigit() else 0,
        thread=found["name"] or f"thread {tid}",
        frames=tuple(_tidy(frame) for frame in found["frames"].split(";")[1:]),
        count=int(found["count"]),
    )


def _tidy(frame: str) -> str:
    """Drop what would make two frames of one function: addresses, which differ from run to run, and lines of C code."""
    return _C_LINE.sub(")", _ADDRESS.sub("[unknown]", frame))
