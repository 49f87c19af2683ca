"""A probe on each side: both are switched together, and one that fails costs the other nothing."""

import errno
from collections.abc import Collection

import pytest

from loadlab.experiment.watch import BothSides
from loadlab.probes.probe import ProbeFailed


class Recorder:
    """A probe that notes what is asked of it, and fails in the step that it is told to."""

    def __init__(self, steps: list[str], fails_in: str = "") -> None:
        self._steps = steps
        self._fails_in = fails_in
        self._pids: Collection[int] = ()

    def prepare(self, pids: Collection[int]) -> None:
        self._pids = pids
        self._step("prepare")

    def begin(self) -> None:
        self._step("begin")

    def end(self) -> None:
        self._step("end")

    def collect(self) -> str:
        self._step("collect")
        return f"saw {self._pids}"

    def stop(self) -> None:
        self._steps.append("stop")

    def _step(self, name: str) -> None:
        self._steps.append(name)
        if name == self._fails_in:
            raise ProbeFailed(f"it failed to {name}")


def watch_whole_window(sides: BothSides[str]) -> dict[str, str]:
    with sides:
        sides.prepare([1, 2], [3])
        sides.begin()
        sides.end()
        return {side: seen for side, seen in sides.collect().items()}


def test_both_sides_are_watched_from_begin_to_end_and_stopped() -> None:
    steps: list[str] = []
    sides = BothSides(lambda _: Recorder(steps))
    assert watch_whole_window(sides) == {"target": "saw [1, 2]", "client": "saw [3]"}
    assert sides.problems == {}
    assert steps == ["prepare", "prepare", "begin", "begin", "end", "end", "collect", "collect", "stop", "stop"]


@pytest.mark.parametrize("step", ["prepare", "begin", "end", "collect"])
def test_a_probe_that_fails_is_stopped_and_costs_its_own_result_only(step: str) -> None:
    failing: list[str] = []
    sound: list[str] = []
    probes = iter([Recorder(failing, fails_in=step), Recorder(sound)])
    sides = BothSides(lambda _: next(probes))
    assert watch_whole_window(sides) == {"client": "saw [3]"}
    assert sides.problems == {"target": f"it failed to {step}"}
    assert failing[-2:] == [step, "stop"]
    assert sound == ["prepare", "begin", "end", "collect", "stop"]


def test_both_are_stopped_when_the_trial_fails() -> None:
    steps: list[str] = []

    def fail() -> None:
        with BothSides(lambda _: Recorder(steps)) as sides:
            sides.prepare([1], [2])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert steps == ["prepare", "prepare", "stop", "stop"]


def test_a_full_disc_costs_no_more_than_a_failing_probe() -> None:
    steps: list[str] = []
    recorders = iter([Recorder(steps)])

    def open_probe(_: object) -> Recorder:
        if not steps:
            return next(recorders)
        raise OSError(errno.ENOSPC, "No space left on device")

    sides = BothSides(open_probe)
    assert watch_whole_window(sides) == {"target": "saw [1, 2]"}
    assert sides.problems == {"client": "[Errno 28] No space left on device"}
