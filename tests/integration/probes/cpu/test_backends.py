"""Each backend, and both together, on a program that is three times as long in one function as in another."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from loadlab.probes.cpu import perf, py_spy
from loadlab.probes.cpu.perf import PerfRecordProbe
from loadlab.probes.cpu.probe import BACKENDS, CpuSampler, Sampler
from loadlab.probes.cpu.py_spy import PySpyProbe
from loadlab.probes.cpu.samples import Sampling
from loadlab.probes.probe import Lack, Probe, ProbeFailed
from loadlab.results.folded_stacks import kind_of

from .conftest import Burner, StartBurner, children

CPU_SECONDS = 1.5  # 150 samples and more; the functions differ three times over
NAMED_CPU_SECONDS = 3.0  # of two threads: more than a second, in which py-spy may not yet know a new thread's name
DEADLINE_SECONDS = 120.0


def need(backends: Iterable[Sampler]) -> None:
    for backend in backends:
        if lack := backend.why_unavailable():
            pytest.skip(f"{backend.name}: {lack.why}; {lack.fix}")


def watch(probe: Probe[Sampling], burner: Burner) -> Sampling:
    """Attach before it burns, so that all its threads and its child come later."""
    probe.prepare([burner.pid])
    burner.burn()
    probe.begin()
    burner.wait_used(CPU_SECONDS)
    probe.end()
    return probe.collect()


def count(sampling: Sampling, function: str, thread: str = "") -> int:
    """Samples of threads called so that have a frame whose name holds this."""
    return sum(
        sample.count
        for sample in sampling.samples
        if sample.thread.startswith(thread) and any(function in frame for frame in sample.frames)
    )


def test_py_spy_tells_functions_threads_and_children(start_burner: StartBurner, stack: ExitStack) -> None:
    need(backend for backend in BACKENDS if backend.name == "py-spy")
    probe = PySpyProbe()
    stack.callback(probe.stop)
    sampling = watch(probe, start_burner())
    assert count(sampling, "heavy (burner.py:", "burner-7") > count(sampling, "light (burner.py:", "burner-7") > 0
    assert count(sampling, "read (burner.py:", "reader") > 0
    assert count(sampling, "in_child (burner.py:") > 0
    assert sampling.blocking


def test_py_spy_samples_from_the_moment_it_is_attached(start_burner: StartBurner, stack: ExitStack) -> None:
    need(backend for backend in BACKENDS if backend.name == "py-spy")
    probe = PySpyProbe()
    stack.callback(probe.stop)
    burner = start_burner()
    probe.prepare([burner.pid])
    burner.burn()
    burner.wait_used(CPU_SECONDS)
    probe.begin()
    probe.end()
    assert count(probe.collect(), "heavy (burner.py:", "burner-7") > 0


def test_perf_tells_the_kernels_functions(start_burner: StartBurner, stack: ExitStack) -> None:
    need(backend for backend in BACKENDS if backend.name == "perf")
    probe = PerfRecordProbe()
    stack.callback(probe.stop)
    burner = start_burner()
    sampling = watch(probe, burner)
    kernel = {frame for sample in sampling.samples for frame in sample.frames if kind_of(frame) == "kernel"}
    assert any("random" in frame for frame in kernel), kernel
    assert any("zero" in frame for frame in kernel), kernel
    # Threads and a child that came when it was attached, and not yet switched on.
    assert len({sample.tid for sample in sampling.samples} - {burner.pid}) >= 3
    assert not any(sample.thread.startswith(":") for sample in sampling.samples), "perf knows no names of processes"
    assert not sampling.blocking


def test_both_name_the_threads_alike(start_burner: StartBurner, stack: ExitStack) -> None:
    need(BACKENDS)
    probe = CpuSampler()
    stack.callback(probe.stop)
    burner = start_burner()
    probe.prepare([burner.pid])
    burner.burn()
    probe.begin()
    burner.wait_used(NAMED_CPU_SECONDS)
    probe.end()
    recording = probe.collect()
    assert [recorded.backend for recorded in recording.recorded] == ["py-spy", "perf"]
    assert recording.missing == ()
    for recorded in recording.recorded:
        assert {"burner-*", "reader"} <= {stack[0] for stack in recorded.stacks}


def test_very_many_threads_are_not_stopped_and_that_is_said(start_burner: StartBurner, stack: ExitStack) -> None:
    need(backend for backend in BACKENDS if backend.name == "py-spy")
    probe = PySpyProbe()
    stack.callback(probe.stop)
    burner = start_burner(crowd=80)
    burner.burn()  # the crowd is there when it is attached, as a server's threads are that it has for its connections
    probe.prepare([burner.pid])
    probe.begin()
    burner.wait_used(CPU_SECONDS)
    probe.end()
    sampling = probe.collect()
    assert not sampling.blocking
    assert any("without stopping" in note for note in sampling.notes)
    assert count(sampling, "heavy (burner.py:") > 0


def test_a_loadlab_that_the_server_has_started_is_no_part_of_its_profile() -> None:
    need(backend for backend in BACKENDS if backend.name == "py-spy")
    starter = [sys.executable, str(Path(__file__).with_name("starter.py"))]
    seen = json.loads(subprocess.run(starter, check=True, stdout=subprocess.PIPE, timeout=DEADLINE_SECONDS).stdout)
    assert {"in_server", "in_child"} <= {*seen["functions"]}
    assert "in_loadlab" not in seen["functions"]
    assert any(note.startswith("The server has started loadlab") for note in seen["notes"])


@pytest.mark.parametrize(
    ("open_probe", "why_unavailable"), [(PySpyProbe, py_spy.why_unavailable), (PerfRecordProbe, perf.why_unavailable)]
)
def test_a_process_that_dies_in_the_window_costs_a_result_at_most(
    start_burner: StartBurner,
    stack: ExitStack,
    open_probe: Callable[[], Probe[Sampling]],
    why_unavailable: Callable[[], Lack | None],
) -> None:
    if lack := why_unavailable():
        pytest.skip(f"{lack.why}; {lack.fix}")
    probe = open_probe()
    stack.callback(probe.stop)
    burner = start_burner()
    before = children()
    probe.prepare([burner.pid])
    burner.burn()
    probe.begin()
    burner.kill()
    # The tool may have noticed, and ended too; or it has missed it, and was ended.
    with suppress(ProbeFailed):
        burner.wait_ended(probe.look)
        probe.end()
        assert probe.collect().lost >= 0
    probe.stop()
    burner.wait_ended()
    assert children() == before
