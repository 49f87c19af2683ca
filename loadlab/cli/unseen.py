"""What probes were asked for and did not see, told at the end of a run: it goes on without them."""

from collections.abc import Iterable, Iterator

from loadlab.results.model import Probes, RunDocument


def unseen_lines(document: RunDocument) -> Iterable[str]:
    """Yield one line for each probe that saw nothing of the target, with the reason that the first such trial gives."""
    counted: dict[str, tuple[int, str]] = {}
    for trial in document.trials:
        for probe, reason in _unseen(trial.probes):
            times, first = counted.get(probe, (0, reason))
            counted[probe] = (times + 1, first)
    for probe, (times, reason) in counted.items():
        yield f"{times} of {len(document.trials)} trials: The probe {probe} saw nothing of the target: {reason}"


def _unseen(probes: Probes) -> Iterator[tuple[str, str]]:
    if (syscalls := probes.syscalls) and syscalls.target is None:
        lacks = syscalls.missed if syscalls.backend is None else []
        yield "syscalls", "; ".join([*syscalls.problems, *lacks])
    if (cpu := probes.cpu) and not (cpu.target and cpu.target.profiles):
        yield "cpu", "; ".join([*cpu.problems, *(cpu.target.missing if cpu.target else [])])
