"""What a backend collects: the stacks of each thread."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from loadlab.results.folded_stacks import Stack, count_stacks
from loadlab.results.probe_data import CpuBackend

# Pools number their threads, and so does Python: "Thread-12 (handle)", "ThreadPoolExecutor-0_3".
_RUNNING_NUMBER: Final = re.compile(r"(?<=[-_])\d+")


@dataclass(frozen=True, slots=True)
class ThreadSample:
    """Frames from the outermost to the one that ran, and in how many samples thread `tid` had exactly these."""

    tid: int
    thread: str
    frames: Stack
    count: int


@dataclass(frozen=True, slots=True)
class Sampling:
    """All that one backend collected; what the fields mean is in `results.folded_stacks.RecordedStacks`."""

    backend: CpuBackend
    rate_hz: int
    samples: tuple[ThreadSample, ...]
    lost: int
    blocking: bool
    notes: tuple[str, ...]


def fold(samples: Iterable[ThreadSample], names: Mapping[int, str]) -> dict[Stack, int]:
    """Return stacks that begin with their thread's name: that of `names` where it is there, else the sample's own.

    Threads whose names differ only in their number are one: a thread for each connection would else be thousands of
    flames, and thread ids differ from trial to trial.
    """
    return count_stacks(((_thread_frame(sample, names), *sample.frames), sample.count) for sample in samples)


def _thread_frame(sample: ThreadSample, names: Mapping[int, str]) -> str:
    return _RUNNING_NUMBER.sub("*", names.get(sample.tid, sample.thread))
