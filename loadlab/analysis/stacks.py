"""What stacks say: the functions that take the most CPU time, and which take more or less of it than before."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from loadlab.results.folded_stacks import CpuRecording, RecordedStacks, Stack, Stacks, count_stacks, folded_file
from loadlab.results.probe_data import CpuProfile, FunctionShare, Side, StackProfile

_TOP: Final = 10


@dataclass(frozen=True, slots=True)
class FunctionChange:
    """A function's share of all samples, with all that it called, in one profile and in another; from 0 to 1."""

    name: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """How much it grew, negative if it shrank."""
        return self.after - self.before


def merge_stacks(*parts: Stacks) -> dict[Stack, int]:
    """Return the samples of several profiles as one, say of the repeats of a trial."""
    return count_stacks(chain.from_iterable(part.items() for part in parts))


def top_functions(stacks: Stacks, limit: int = _TOP) -> list[FunctionShare]:
    """Return the functions that took the most time themselves, the first one most."""
    total = sum(stacks.values())
    own: Counter[str] = Counter()
    for stack, count in stacks.items():
        own[stack[-1]] += count
    with_called = _count_functions(stacks)
    ranked = sorted(own.keys() & with_called.keys(), key=lambda name: (-own[name], -with_called[name], name))
    return [
        FunctionShare(name=name, self_share=own[name] / total, total_share=with_called[name] / total)
        for name in ranked[:limit]
    ]


def changed_functions(before: Stacks, after: Stacks, limit: int = _TOP) -> list[FunctionChange]:
    """Return the functions whose share changed the most, in either direction; none where either has no samples."""
    total_before, total_after = sum(before.values()), sum(after.values())
    if not total_before or not total_after:
        return []
    counts_before, counts_after = _count_functions(before), _count_functions(after)
    changes = (
        FunctionChange(name, counts_before[name] / total_before, counts_after[name] / total_after)
        for name in counts_before.keys() | counts_after.keys()
    )
    return sorted(changes, key=lambda each: (-abs(each.change), each.name))[:limit]


def summarise_cpu(recording: CpuRecording, side: Side) -> CpuProfile:
    """Return what run.json says of the profiles of one side; the stacks themselves belong into `folded_file`s."""
    return CpuProfile(
        backend=" and ".join(recorded.backend for recorded in recording.recorded),
        profiles=[_summarise(recorded, side) for recorded in recording.recorded],
        missing=list(recording.missing),
    )


def _summarise(recorded: RecordedStacks, side: Side) -> StackProfile:
    return StackProfile(
        backend=recorded.backend,
        file=folded_file(side, recorded.backend),
        rate_hz=recorded.rate_hz,
        samples=sum(recorded.stacks.values()),
        lost=recorded.lost,
        blocking=recorded.blocking,
        notes=list(recorded.notes),
        top=top_functions(recorded.stacks),
    )


def _count_functions(stacks: Stacks) -> Counter[str]:
    """Samples in which each function was anywhere on the stack: once, however deep it called itself."""
    counts: Counter[str] = Counter()
    for stack, count in stacks.items():
        for name in _functions(stack):
            counts[name] += count
    return counts


def _functions(stack: Stack) -> Iterator[str]:
    # The first frame is the thread.
    return iter(set(stack[1:]))
