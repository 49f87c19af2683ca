"""What `perf script -F comm,pid,tid,ip,sym,dso` writes: for each sample a head, then its frames from the inside out.

nginx   40/41
    ffffffff81e312e2 __sys_sendto ([kernel.kallsyms])
                  10ab59 __send (/usr/lib/x86_64-linux-gnu/libc.so.6)
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from loadlab.probes.cpu.compiled import UNNAMED, is_map, name_compiled
from loadlab.probes.cpu.samples import ThreadSample
from loadlab.results.cpu import KERNEL_MARK

_HEAD: Final = re.compile(r"(?P<comm>\S.*?)\s+-?\d+/(?P<tid>-?\d+)\s*(?:PERF_RECORD_LOST\S* lost (?P<lost>\d+))?\s*")
# Both names may hold parentheses: "operator()(int) (/tmp/x (deleted))". The library is the last pair, with one inside.
_FRAME: Final = re.compile(r"\s+(?P<address>[0-9a-f]+) (?P<symbol>.+) \((?P<library>[^()]*(?:\([^()]*\))?[^()]*)\)")
_KERNEL_BEGINS: Final = 1 << 63  # the upper half of the address space, on all machines with 64 bits
_UNKNOWN: Final = "[unknown]"


@dataclass(frozen=True, slots=True)
class PerfSamples:
    """The samples, and how many were lost; whether the kernel's functions had names, and all compiled as they ran."""

    samples: tuple[ThreadSample, ...]
    lost: int
    kernel_named: bool
    compiled_named: bool


def parse_script(lines: Iterable[str]) -> PerfSamples:
    """Read samples and losses, in one pass and line by line. Raises ValueError for a line that is neither."""
    samples: list[ThreadSample] = []
    lost = 0
    for is_blank, block in groupby((line.rstrip("\n") for line in lines), key=lambda line: not line.strip()):
        if is_blank:
            continue
        for head, frames in _split_samples(block):
            if head["lost"]:
                lost += int(head["lost"])
            else:
                frames.reverse()
                samples.append(ThreadSample(int(head["tid"]), head["comm"], tuple(frames) or (_UNKNOWN,), 1))
    functions = {frame for sample in samples for frame in sample.frames}
    kernel = {frame for frame in functions if frame.endswith(KERNEL_MARK)}
    return PerfSamples(
        tuple(samples),
        lost,
        kernel_named=kernel != {_UNKNOWN + KERNEL_MARK},
        compiled_named=UNNAMED not in functions,
    )


def _split_samples(block: Iterable[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Yield each head with its frames: a notice of lost samples ends without a blank line."""
    head: re.Match[str] | None = None
    frames: list[str] = []
    for line in block:
        if begins := _HEAD.fullmatch(line):
            if head is not None:
                yield head, frames
            head, frames = begins, []
        elif head is not None and (frame := _FRAME.fullmatch(line)):
            frames += _name_frame(frame)
        else:
            raise ValueError(f"{line.strip()[:80]!r} is neither a sample nor a frame of one")
    if head is not None:
        yield head, frames


def _name_frame(frame: re.Match[str]) -> Iterator[str]:
    symbol, library = frame["symbol"], frame["library"].rpartition("/")[2]
    if int(frame["address"], 16) >= _KERNEL_BEGINS:
        yield symbol + KERNEL_MARK
    elif is_map(library):
        yield name_compiled(symbol)
    elif library != _UNKNOWN:
        yield f"{symbol} ({library})"
    # Else it is no code at all. Native callers are found through frame pointers, and where a library was built without
    # them (CPython's, as a rule), what is taken for the caller's address is some other value on the stack.
