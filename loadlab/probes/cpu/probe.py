"""The CPU probe: every backend that works here, side by side, and their threads under the same names."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, TypeVar

from loadlab.probes.cpu import perf, py_spy
from loadlab.probes.cpu.samples import Sampling, fold
from loadlab.probes.probe import Backend, Probe, ProbeFailed
from loadlab.results.folded_stacks import CpuRecording, RecordedStacks
from loadlab.results.probe_data import CpuBackend

Done = TypeVar("Done")


Sampler = Backend[CpuBackend, Sampling]

BACKENDS: Final[tuple[Sampler, ...]] = (
    Backend("py-spy", py_spy.why_unavailable, py_spy.PySpyProbe, can_be_switched=False),
    Backend("perf", perf.why_unavailable, perf.PerfRecordProbe),
)


class CpuSampler:
    """All of `backends` that work here, for one window; a Probe.

    One that cannot be used or fails is `missing` from the recording. With none left, the probe itself fails.
    """

    def __init__(self, check: Callable[[], None] = lambda: None, backends: Sequence[Sampler] = BACKENDS) -> None:
        self._check = check
        self._backends = backends
        self._probes: dict[CpuBackend, Probe[Sampling]] = {}
        self._missing: list[str] = []

    def prepare(self, pids: Collection[int]) -> None:
        """Attach what can be attached."""
        for backend in self._backends:
            lack = _lack_of(backend)
            if lack is None:
                self._probes[backend.name] = backend.open_probe(self._check)
            else:
                self._missing.append(lack)
        self._each(lambda probe: probe.prepare(pids))

    def begin(self) -> None:
        """Switch all on."""
        self._each(lambda probe: probe.begin())

    def look(self) -> None:
        """Look after all."""
        self._each(lambda probe: probe.look())

    def end(self) -> None:
        """Switch all off."""
        self._each(lambda probe: probe.end())

    def collect(self) -> CpuRecording:
        """Return the stacks of each backend."""
        recorded = join_threads(self._each(lambda probe: probe.collect()))
        return CpuRecording(recorded, tuple(self._missing))

    def stop(self) -> None:
        """Stop all."""
        for probe in self._probes.values():
            probe.stop()

    def _each(self, act: Callable[[Probe[Sampling]], Done]) -> list[Done]:
        done: list[Done] = []
        for name, probe in list(self._probes.items()):
            try:
                done.append(act(probe))
            except (ProbeFailed, OSError) as failure:
                probe.stop()
                del self._probes[name]
                self._missing.append(f"{name}: {failure}")
        if not self._probes:
            raise ProbeFailed("; ".join(self._missing))
        return done


def why_none_works(backends: Sequence[Sampler] = BACKENDS) -> list[str]:
    """Return what each backend lacks on this machine, a sentence each; nothing where one should work."""
    lacks = [lack for backend in backends if (lack := _lack_of(backend)) is not None]
    return lacks if len(lacks) == len(backends) else []


def can_be_switched(backends: Sequence[Sampler] = BACKENDS) -> bool:
    """Return whether each backend that works here can be switched on and off within the window."""
    return all(backend.can_be_switched for backend in backends if backend.why_unavailable() is None)


def join_threads(samplings: Iterable[Sampling]) -> tuple[RecordedStacks, ...]:
    """Return the stacks of each backend, the threads of all under the names that Python gave them where it did.

    For the kernel all threads of a Python program have the same name. What ties the two is the thread's id.
    """
    samplings = list(samplings)
    names = {
        sample.tid: sample.thread
        for sampling in samplings
        if sampling.backend == "py-spy"
        for sample in sampling.samples
    }
    return tuple(
        RecordedStacks(
            backend=sampling.backend,
            rate_hz=sampling.rate_hz,
            stacks=fold(sampling.samples, names),
            lost=sampling.lost,
            blocking=sampling.blocking,
            notes=sampling.notes,
        )
        for sampling in samplings
    )


def _lack_of(backend: Sampler) -> str | None:
    lack = backend.why_unavailable()
    return f"{backend.name}: {lack.sentence()}" if lack else None
