from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import pytest

from loadlab.probes.cpu.probe import CpuSampler, Sampler, can_be_switched, join_threads, why_none_works
from loadlab.probes.cpu.samples import Sampling, ThreadSample, fold
from loadlab.probes.probe import Backend, Lack, ProbeFailed
from loadlab.results.probe_data import CpuBackend


@dataclass
class FakeProbe:
    """Notes what is asked of it, and fails at one step if it has to."""

    sampling: Sampling
    fails_at: str = ""
    asked: list[str] = field(default_factory=list)

    def prepare(self, pids: Collection[int]) -> None:
        self._note(f"prepare {sorted(pids)}")

    def begin(self) -> None:
        self._note("begin")

    def look(self) -> None:
        self._note("look")

    def end(self) -> None:
        self._note("end")

    def collect(self) -> Sampling:
        self._note("collect")
        return self.sampling

    def stop(self) -> None:
        self.asked.append("stop")

    def _note(self, step: str) -> None:
        self.asked.append(step)
        if self.fails_at and step.startswith(self.fails_at):
            raise ProbeFailed("it broke")


def sampling(backend: CpuBackend, *samples: ThreadSample) -> Sampling:
    return Sampling(backend, 99, samples, lost=1, blocking=backend == "py-spy", notes=("Note.",))


PYTHON = sampling("py-spy", ThreadSample(8, "worker-1", ("serve (a.py:1)",), 3))
NATIVE = sampling("perf", ThreadSample(8, "python", ("send_[k]",), 5), ThreadSample(9, "python", ("send_[k]",), 2))


def backend(name: CpuBackend, probe: FakeProbe, lack: Lack | None = None) -> Sampler:
    return Backend(name, lambda: lack, lambda _: probe)


def steps(probe: CpuSampler) -> list[Callable[[], object]]:
    return [lambda: probe.prepare([4]), probe.begin, probe.look, probe.end, probe.collect]


def test_every_step_reaches_every_backend() -> None:
    fakes = FakeProbe(PYTHON), FakeProbe(NATIVE)
    probe = CpuSampler(backends=[backend("py-spy", fakes[0]), backend("perf", fakes[1])])
    for step in steps(probe):
        step()
    probe.stop()
    assert [fake.asked for fake in fakes] == [["prepare [4]", "begin", "look", "end", "collect", "stop"]] * 2


def test_what_this_machine_lacks_is_missing_with_what_gives_it() -> None:
    probe = CpuSampler(
        backends=[
            backend("py-spy", FakeProbe(PYTHON), Lack("py-spy is not installed", "pip install py-spy")),
            backend("perf", FakeProbe(NATIVE)),
        ]
    )
    probe.prepare([4])
    recording = probe.collect()
    assert [each.backend for each in recording.recorded] == ["perf"]
    assert recording.missing == ("py-spy: py-spy is not installed; pip install py-spy",)


def test_none_works_only_if_every_backend_lacks_something() -> None:
    lacks = [
        Lack("py-spy is not installed", "pip install py-spy"),
        Lack("perf is not installed", "apt-get install perf"),
    ]
    py_spy, perf = backend("py-spy", FakeProbe(PYTHON), lacks[0]), backend("perf", FakeProbe(NATIVE), lacks[1])
    assert why_none_works([py_spy, perf]) == [
        "py-spy: py-spy is not installed; pip install py-spy",
        "perf: perf is not installed; apt-get install perf",
    ]
    assert why_none_works([py_spy, backend("perf", FakeProbe(NATIVE))]) == []


def test_the_backends_can_be_switched_if_all_that_work_here_can() -> None:
    unswitched = replace(backend("py-spy", FakeProbe(PYTHON)), can_be_switched=False)
    missing = replace(unswitched, why_unavailable=lambda: Lack("py-spy is not installed", "pip install py-spy"))
    perf = backend("perf", FakeProbe(NATIVE))
    assert not can_be_switched([unswitched, perf])
    assert can_be_switched([missing, perf])


@pytest.mark.parametrize("step", ["prepare", "begin", "look", "end", "collect"])
def test_a_backend_that_fails_is_stopped_and_costs_its_own_result(step: str) -> None:
    broken = FakeProbe(PYTHON, fails_at=step)
    probe = CpuSampler(backends=[backend("py-spy", broken), backend("perf", FakeProbe(NATIVE))])
    probe.prepare([4])
    probe.begin()
    probe.look()
    probe.end()
    recording = probe.collect()
    assert [each.backend for each in recording.recorded] == ["perf"]
    assert recording.missing == ("py-spy: it broke",)
    assert broken.asked[-1] == "stop"


def test_the_probe_fails_when_no_backend_is_left() -> None:
    probe = CpuSampler(
        backends=[
            backend("py-spy", FakeProbe(PYTHON), Lack("not installed", "install it")),
            backend("perf", FakeProbe(NATIVE, fails_at="begin")),
        ]
    )
    probe.prepare([4])
    with pytest.raises(ProbeFailed, match=r"py-spy: not installed; install it; perf: it broke"):
        probe.begin()


def test_threads_have_the_name_that_python_gave_them_in_both_profiles() -> None:
    python, native = join_threads([PYTHON, NATIVE])
    assert python.stacks == {("worker-*", "serve (a.py:1)"): 3}
    # Python never saw thread 9 run.
    assert native.stacks == {("worker-*", "send_[k]"): 5, ("python", "send_[k]"): 2}
    assert (native.lost, native.notes, native.blocking, python.blocking) == (1, ("Note.",), False, True)


def test_threads_that_differ_in_their_number_only_are_one() -> None:
    samples = [
        ThreadSample(1, "Thread-1 (handle)", ("run",), 1),
        ThreadSample(2, "Thread-12 (handle)", ("run",), 2),
        ThreadSample(3, "ThreadPoolExecutor-0_3", ("run",), 4),
        ThreadSample(4, "http2", ("run",), 8),
    ]
    assert fold(samples, {}) == {
        ("Thread-* (handle)", "run"): 3,
        ("ThreadPoolExecutor-*_*", "run"): 4,
        ("http2", "run"): 8,
    }
