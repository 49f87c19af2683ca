"""A probe on each side, of which one that fails costs the other nothing; and what a profiler cost a trial."""

import errno
from collections.abc import Collection

import pytest

from loadlab.experiment.passes import BothSides, new_defects, slowdown_of
from loadlab.probes.probe import ProbeFailed
from loadlab.results.trial import LoadModel, TrialResult
from loadlab.results.verdict import Finding, Verdict

from ...trials import make_trial, make_usage

FAILURES = Finding(code="failures", severity="invalid", text="Requests failed.", evidence="7 of 90", advice="")
CLIENT_BOUND = Finding(code="client_bound", severity="suspect", text="", evidence="", advice="")


def result(
    requests: int, cpu_ns_per_request: int, model: LoadModel = "closed", findings: tuple[Finding, ...] = ()
) -> TrialResult:
    usage = make_usage(cpu_user_ns=requests * cpu_ns_per_request, cpu_system_ns=0)
    return make_trial(
        Verdict(state="valid", findings=list(findings)),
        window_ns=1_000_000_000,
        requests=requests,
        requests_per_second=float(requests),
        load_model=model,
        target=usage,
    )


def test_a_full_target_tells_by_its_throughput() -> None:
    assert slowdown_of(result(1000, 900), result(800, 1000)) == pytest.approx(0.2)


def test_an_open_load_tells_by_the_cpu_time_of_a_request() -> None:
    assert slowdown_of(result(1000, 300, "open"), result(1000, 400, "open")) == pytest.approx(0.25)


@pytest.mark.parametrize("bound", ["first", "second"])
def test_a_client_that_was_the_bottleneck_is_not_the_targets_loss(bound: str) -> None:
    first, second = ((CLIENT_BOUND,) if bound == which else () for which in ("first", "second"))
    slowdown = slowdown_of(result(1000, 300, findings=first), result(500, 400, findings=second))
    assert slowdown == pytest.approx(0.25)


def test_without_a_second_pass_or_requests_it_is_not_known() -> None:
    assert slowdown_of(result(1000, 300), None) is None
    assert slowdown_of(result(0, 300), result(10, 300)) is None


def test_what_only_the_profiled_pass_suffered_from_is_told() -> None:
    failing = result(90, 300, findings=(FAILURES, CLIENT_BOUND))
    assert new_defects(result(100, 300), failing) == [
        "the pass under the profiler was invalid: Requests failed. (7 of 90)"
    ]
    assert new_defects(failing, failing) == []


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

    def look(self) -> None:
        self._step("look")

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
        sides.look()
        sides.end()
        return {side: seen for side, seen in sides.collect().items()}


def test_both_sides_are_watched_from_begin_to_end_and_stopped() -> None:
    steps: list[str] = []
    sides = BothSides(lambda _: Recorder(steps))
    assert watch_whole_window(sides) == {"target": "saw [1, 2]", "client": "saw [3]"}
    assert sides.problems == {}
    once = ["prepare", "begin", "look", "end", "collect", "stop"]
    assert steps == [step for step in once for _side in range(2)]


def test_probes_that_do_not_end_with_the_window_end_when_they_are_collected() -> None:
    steps: list[str] = []
    with BothSides(lambda _: Recorder(steps), ends_with_window=False) as sides:
        sides.prepare([1], [2])
        sides.begin()
        sides.end()
        assert steps == ["prepare", "prepare", "begin", "begin"]
        assert sides.collect() == {"target": "saw [1]", "client": "saw [2]"}
    assert steps[4:] == ["end", "end", "collect", "collect", "stop", "stop"]


@pytest.mark.parametrize("step", ["prepare", "begin", "look", "end", "collect"])
def test_a_probe_that_fails_is_stopped_and_costs_its_own_result_only(step: str) -> None:
    failing: list[str] = []
    sound: list[str] = []
    probes = iter([Recorder(failing, fails_in=step), Recorder(sound)])
    sides = BothSides(lambda _: next(probes))
    assert watch_whole_window(sides) == {"client": "saw [3]"}
    assert sides.problems == {"target": f"it failed to {step}"}
    assert failing[-2:] == [step, "stop"]
    assert sound == ["prepare", "begin", "look", "end", "collect", "stop"]


@pytest.mark.parametrize(
    ("pids", "elsewhere", "seen"),
    [(([], [3]), "target", {"client": "saw [3]"}), (([2], []), "client", {"target": "saw [2]"})],
)
def test_of_a_side_on_another_machine_the_other_alone_is_watched(
    pids: tuple[list[int], list[int]], elsewhere: str, seen: dict[str, str]
) -> None:
    steps: list[str] = []
    with BothSides(lambda _: Recorder(steps)) as sides:
        sides.prepare(*pids)
        sides.begin()
        sides.end()
        assert sides.collect() == seen
    assert sides.problems == {elsewhere: "its processes are not on this machine"}
    assert steps == ["prepare", "begin", "end", "collect", "stop"]


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
