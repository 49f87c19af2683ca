"""Which settings of two runs belong together, what of them counts, and what is said beside."""

from pathlib import Path

import pytest

from loadlab.analysis.comparison import compare_runs
from loadlab.analysis.comparison.figures import NOT_THERE, TOO_FEW
from loadlab.results.machine import MachineResult
from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.verdict import Finding, Verdict
from tests.sample_run import HOST, sample_document
from tests.stream_runs import write_broadcast
from tests.trials import make_kind
from tests.unit.analysis.comparison.runs import PROFILE, make_rate, make_run, make_speed


def with_load(**load: object) -> dict[str, object]:
    return PROFILE | {"load": PROFILE["load"] | load}


def at(number: int, rate: float = 50_000, **factors: Scalar) -> TrialResult:
    paths = {path.replace("_", ".", 1): value for path, value in factors.items()}
    return make_rate(rate, number, repeat=1, factors=paths)


def test_a_run_equals_itself() -> None:
    run = sample_document()
    found = compare_runs(run, run)
    assert found.obstacles == []
    assert {figure.change for figure in found.figures if figure.change is not None} == {0.0}
    assert [each.factors for each in found.left_out] == [
        {"target.server": "select", "load.idle": 19_000},
        {"target.server": "poll", "load.idle": 10_000},
        {"target.server": "poll", "load.idle": 19_000},
    ]


def test_settings_are_in_the_order_of_the_sweep_and_not_of_running() -> None:
    run = sample_document()
    settings = [tuple(each.factors.values()) for each in compare_runs(run, run).settings]
    assert settings[:5] == [("select", 0), ("select", 1000), ("select", 5000), ("select", 10_000), ("poll", 0)]


def test_a_setting_that_one_run_does_not_sweep_has_the_value_in_its_profile() -> None:
    swept = make_run([at(1, load_idle=0), at(2, 40_000, load_idle=1000)], with_load(idle=5))
    fixed = make_run([at(1, 44_000)], with_load(idle="1k"))
    found = compare_runs(swept, fixed)
    assert [(each.factors, each.base_trials) for each in found.settings] == [({"load.idle": 1000}, ["002"])]
    assert found.obstacles == []
    assert [(each.factors, each.reason) for each in found.left_out] == [({"load.idle": 0}, "not in the other run")]


def test_a_swept_target_with_one_value_each_is_what_is_compared() -> None:
    old = make_run([at(1, target_command="./old")], PROFILE | {"sweep": {"target.command": [["./old"]]}})
    new = make_run([at(1, target_command="./new")], PROFILE | {"sweep": {"target.command": [["./new"]]}})
    assert len(compare_runs(old, new).settings) == 1


def test_runs_without_a_common_setting_do_not_compare() -> None:
    found = compare_runs(make_run([at(1, load_idle=0)]), make_run([at(1, load_idle=5)]))
    assert found.settings == []
    assert any("have no setting in common" in each for each in found.obstacles)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({"hostname": "bench-2"}, "bench-1 and bench-2"),
        ({"cpu": "Other CPU"}, "CPU: AMD EPYC 7763 64-Core Processor → Other CPU"),
        ({"cores": 4}, "cores: 2 → 4"),
        ({"memory_bytes": 1 << 30}, "memory: 24.0 → 1.0 GiB"),
    ],
)
def test_another_machine_is_an_obstacle(host: dict[str, object], expected: str) -> None:
    other = make_run([at(1)], host=HOST.model_copy(update=host))
    (obstacle,) = compare_runs(make_run([at(1)]), other).obstacles
    assert obstacle == f"The runs were made on different machines: {expected}."


def test_other_software_on_the_same_machine_is_a_remark() -> None:
    other = make_run([at(1)], host=HOST.model_copy(update={"kernel": "6.12.1"}), loadlab="0.2.0")
    found = compare_runs(make_run([at(1)]), other)
    assert found.obstacles == []
    assert "The software differs too: kernel 6.1.0-28-amd64 → 6.12.1; loadlab 0.1.0 → 0.2.0." in found.remarks


def test_another_load_is_an_obstacle_and_names_the_keys() -> None:
    (obstacle,) = compare_runs(make_run([at(1)]), make_run([at(1)], with_load(connections=64))).obstacles
    assert obstacle == "The runs differ in what was measured: load.connections: 16 → 64."


@pytest.mark.parametrize(
    "profile",
    [
        PROFILE | {"name": "other", "about": "else", "repeat": 5, "rounds": 7, "expect": ["p99 < 1s"], "seed": 3},
        with_load(duration="2000ms"),
        with_load(idle=0, timeout="5s"),
    ],
    ids=["what says nothing of the load", "the same spelt otherwise", "defaults that the other leaves out"],
)
def test_what_does_not_change_the_load_is_no_obstacle(profile: dict[str, object]) -> None:
    assert compare_runs(make_run([at(1)]), make_run([at(1)], profile)).obstacles == []


def test_another_target_is_what_is_compared_and_another_duration_a_remark() -> None:
    profile = with_load(duration="4s") | {"target": {"server": "poll", "handler": "hello"}}
    found = compare_runs(make_run([at(1)]), make_run([at(1)], profile))
    assert found.obstacles == []
    assert found.remarks[:2] == [
        "What is compared: target.server: epoll → poll.",
        "Measured for different times: load.duration: 2s → 4s.",
    ]


def test_only_trials_that_can_be_believed_count() -> None:
    broken = make_rate(1, 2, verdict="invalid")
    doubt = Finding(code="disturbed", severity="suspect", text="Others were at work.", evidence="", advice="")
    doubted = make_rate(51_000, 3, verdict=Verdict(state="suspect", findings=[doubt]))
    found = compare_runs(make_run([at(1), broken, doubted]), make_run([at(1)]))
    (setting,) = found.settings
    assert setting.base_trials == ["001", "003"]
    assert setting.doubts == ["Trial 003 of the base is suspect: Others were at work."]


def test_disturbed_trials_count_only_where_there_are_not_enough_others() -> None:
    doubt = Finding(code="disturbed", severity="suspect", text="Others were at work.", evidence="", advice="")
    clean = [make_rate(50_000, number) for number in (1, 2)]
    disturbed = make_rate(20_000, 3, verdict=Verdict(state="suspect", findings=[doubt]))
    found = compare_runs(make_run([*clean, disturbed]), make_run([clean[0], disturbed]))
    assert found.settings[0].base_trials == ["001", "002"]
    assert found.settings[0].other_trials == ["001", "003"]


def test_an_empty_run_says_so() -> None:
    assert compare_runs(make_run([at(1)]), make_run([])).obstacles == ["The other run has no trials."]


def test_trials_that_failed_are_left_out_with_their_reason() -> None:
    failed = make_rate(0, state="failed", reason="The target died.", verdict="invalid")
    found = compare_runs(make_run([at(1)]), make_run([failed]))
    assert found.settings == []
    assert [each.reason for each in found.left_out] == ["no valid trial in the other run: The target died."]


def speed_remark(base: RunDocument, other: RunDocument) -> str:
    return compare_runs(base, other).remarks[-1]


def test_the_speed_of_the_machine_is_stated() -> None:
    base, slow = (make_run([at(1)], speed=make_speed(ns)) for ns in (5_000, 6_250))
    assert speed_remark(base, slow).startswith("The machine was 20 % slower in the other run")
    assert speed_remark(slow, base).startswith("The machine was 20 % faster in the other run") is False
    assert speed_remark(slow, base).startswith("The machine was 25 % faster in the other run")
    assert speed_remark(base, base) == "The machine was as fast in both runs, within 2 %."
    assert compare_runs(base, slow).machine == 1.25
    assert compare_runs(base, slow).settings[0].machine == 1.25


def test_speed_that_is_not_known_in_both_is_stated_and_corrects_nothing() -> None:
    known, unknown = make_run([at(1)], speed=make_speed(5_000)), make_run([at(1)])
    assert "is not known" in speed_remark(known, unknown)
    assert not any(figure.corrected for figure in compare_runs(known, unknown).figures)


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ({"python": "CPython 3.13.0"}, "by different versions of Python"),
        ({"cpu": "Another CPU"}, "on different CPUs"),
    ],
)
def test_speeds_that_say_nothing_of_a_server_are_not_compared(host: dict[str, object], why: str) -> None:
    """The arithmetic is Python: another version may run it faster, and so may another CPU, but not a server."""
    base = make_run([at(1)], speed=make_speed(5_000))
    other = make_run([at(1)], speed=make_speed(4_000), host=HOST.model_copy(update=host))
    assert f"How fast the machine was in both runs was measured {why}:" in speed_remark(base, other)
    assert compare_runs(base, other).machine is None


def test_hundreds_of_trials_are_compared_in_a_moment() -> None:
    trials = [at(number, load_idle=number) for number in range(1, 301)]
    assert len(compare_runs(make_run(trials), make_run(trials)).settings) == 300


def test_delivery_delays_of_events_are_compared_and_of_requests_there_are_none(tmp_path: Path) -> None:
    base = write_broadcast(tmp_path / "a").read_document()
    slower = [
        trial.model_copy(
            update={"delay_ns": trial.delay_ns.model_copy(update={"p99": int(1.5 * (trial.delay_ns.p99 or 0))})}
        )
        for trial in base.trials
    ]
    compared = compare_runs(base, base.model_copy(update={"trials": slower}))
    assert compared.protocol == "events"
    last = compared.settings[-1].figure("delay_ns.p99")
    assert last is not None
    assert last.change == pytest.approx(0.5, abs=0.001)
    first = compared.settings[0].figure("delay_ns.p99")  # 800 events have no p99
    assert first is not None
    assert first.reason == TOO_FEW
    of_requests = sample_document()
    assert all(each.figure("delay_ns.p99") is None for each in compare_runs(of_requests, of_requests).settings)


def of_scenario(slower: float = 1.0, p99_count: int = 2000) -> TrialResult:
    """A trial of a scenario, measured in rounds, whose step and iterations take so much longer than usual."""
    times = LatencySummary(p50=round(1e6 * slower), p99=round(3e6 * slower), count=p99_count)
    kinds = [make_kind("log in", "step", response_ns=times), make_kind("checkout", "iteration", response_ns=times)]
    low, high = (round(factor * 3e6 * slower) for factor in (0.99, 1.01))
    confidence = {
        "steps.log in.response_ns.p99": (low, high),
        "iterations.response_ns.p99": (low, high),
        "iterations.requests_per_second": (99.0, 101.0),
    }
    return make_rate(50_000, kinds=kinds, confidence=confidence)


def test_steps_and_iterations_of_scenarios_are_compared() -> None:
    (setting,) = compare_runs(make_run([of_scenario()]), make_run([of_scenario(slower=1.5)])).settings
    for metric in ("steps.log in.response_ns.p99", "iterations.response_ns.p99"):
        figure = setting.figure(metric)
        assert figure is not None
        assert figure.change == pytest.approx(0.5, rel=0.001)
        assert figure.is_clear
    rate = setting.figure("iterations.requests_per_second")
    assert rate is not None
    assert rate.change == 0.0
    assert rate.interval is not None


def test_a_step_of_too_few_samples_and_one_that_only_one_run_has_are_not_judged() -> None:
    few = compare_runs(make_run([of_scenario()]), make_run([of_scenario(p99_count=50)])).settings[0]
    assert (figure := few.figure("steps.log in.response_ns.p99")) is not None
    assert figure.reason == TOO_FEW
    other = make_rate(50_000, kinds=[make_kind("pay", "step"), make_kind("checkout", "iteration")])
    found = compare_runs(make_run([of_scenario()]), make_run([other])).settings[0]
    assert (figure := found.figure("steps.pay.response_ns.p50")) is not None
    assert (figure.change, figure.reason) == (None, NOT_THERE)


def test_other_loads_have_no_figures_of_scenarios() -> None:
    run = make_run([make_rate(50_000)])
    metrics = {figure.metric for figure in compare_runs(run, run).figures}
    assert not any(metric.startswith(("iterations.", "steps.")) for metric in metrics)


@pytest.mark.parametrize(
    ("before", "after", "obstacles"),
    [
        ({"shop.py": "a", "lib/x.py": "b"}, {"shop.py": "a", "lib/x.py": "b"}, []),
        (
            {"shop.py": "a", "lib/x.py": "b"},
            {"shop.py": "c", "lib/y.py": "b"},
            ["The scenario has changed between the runs: lib/x.py, lib/y.py, shop.py."],
        ),
        ({}, {"shop.py": "a"}, []),  # of a run before they were kept nothing is known
    ],
)
def test_a_scenario_that_has_changed_is_another_load(
    before: dict[str, str], after: dict[str, str], obstacles: list[str]
) -> None:
    base, other = (make_run([of_scenario()], scenario_files=files) for files in (before, after))
    assert compare_runs(base, other).obstacles == obstacles


def test_load_from_another_number_of_machines_is_an_obstacle() -> None:
    def loaded_by(*cores: int) -> RunDocument:
        machines = [
            MachineResult(
                name=f"pod-{sum(cores)}-{index}", host="h", cores=of_it, workers=1, holders=0, connections=1, idle=0
            )
            for index, of_it in enumerate(cores)
        ]
        return make_run([at(1).model_copy(update={"machines": machines})])

    (obstacle,) = compare_runs(loaded_by(2, 4), loaded_by(2, 4, 4)).obstacles
    assert obstacle.endswith("load from 2 machines with 6 cores → 3 machines with 10 cores.")
    (obstacle,) = compare_runs(make_run([at(1)]), loaded_by(1)).obstacles
    assert obstacle.endswith("load from this machine → 1 machine with 1 core.")
    assert compare_runs(loaded_by(2, 4), loaded_by(4, 2)).obstacles == []
    failed = make_run([at(1).model_copy(update={"state": "failed"})])
    assert not any("load from" in each for each in compare_runs(loaded_by(2, 4), failed).obstacles)
