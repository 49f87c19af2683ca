"""The key `load.rate`: a number that may be swept, or stages that say how long the load lasts."""

import json
from pathlib import Path
from typing import TypeGuard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile import LoadProfile, load_profile, plan_trials
from loadlab.profile.load import Load
from loadlab.units import spell_duration_ns

from .reading import find_mistakes, read_load_profile

BEGINNING = "name: x\ntarget: {server: epoll}\nload:\n  connections: 4\n"
RAMP = "  rate:\n    - {for: 10s, from: 1k, to: 20k}\n    - {for: 500ms, from: 0}\n"


def read(tmp_path: Path, text: str) -> LoadProfile:
    return read_load_profile(tmp_path, BEGINNING + text)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    return find_mistakes(tmp_path, BEGINNING + text)


def stages_of(load: Load) -> list[tuple[int, int, int]]:
    assert load.stages is not None
    return [(stage.for_ns, stage.from_rate, stage.to_rate) for stage in load.stages]


def test_a_number_is_one_stage_as_long_as_the_load(tmp_path: Path) -> None:
    load = read(tmp_path, "  rate: 20k\n  duration: 1500ms\n").load
    assert (load.rate, load.model) == (20_000, "open")
    assert stages_of(load) == [(1_500_000_000, 20_000, 20_000)]


def test_stages_say_how_long_the_load_lasts(tmp_path: Path) -> None:
    load = read(tmp_path, RAMP).load
    assert load.model == "open"
    assert load.duration_ns == 10_500_000_000
    assert stages_of(load) == [(10_000_000_000, 1_000, 20_000), (500_000_000, 0, 0)]


def test_settings_of_an_open_load_have_defaults_and_can_be_set(tmp_path: Path) -> None:
    load = read(tmp_path, "  rate: 5\n  duration: 1s\n").load
    assert (load.arrivals, load.spin_ns) == ("constant", 1_000_000)
    load = read(tmp_path, "  rate: 5\n  duration: 1s\n  arrivals: poisson\n  spin: 1ms\n").load
    assert (load.arrivals, load.spin_ns) == ("poisson", 1_000_000)


def test_requests_are_sent_again_unless_the_profile_says_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path, "  duration: 1s\n").load.retry is True
    assert read(tmp_path, "  duration: 1s\n  retry: false\n").load.retry is False


@pytest.mark.parametrize("value", ["3", "'true'", "[]", ""])
def test_whether_they_are_is_true_or_false(tmp_path: Path, value: str) -> None:
    (mistake,) = mistakes(tmp_path, f"  duration: 1s\n  retry: {value}\n")
    assert "load.retry: must be true or false, not " in mistake


def test_without_a_rate_users_may_think(tmp_path: Path) -> None:
    load = read(tmp_path, "  duration: 1s\n").load
    assert (load.rate, load.stages, load.model) == (None, None, "closed")
    assert (load.think_ns, load.think_times) == (0, "constant")
    load = read(tmp_path, "  duration: 1s\n  think: 20ms\n  think_times: exponential\n").load
    assert (load.think_ns, load.think_times) == (20_000_000, "exponential")


@pytest.mark.parametrize(
    ("text", "dumped_rate"),
    [
        ("  rate: 20k\n  duration: 1s\n", 20_000),
        (RAMP, [{"for": "10s", "from": 1_000, "to": 20_000}, {"for": "500ms", "from": 0, "to": 0}]),
        ("  duration: 1s\n  think: 5ms\n", None),
    ],
)
def test_a_profile_dumped_as_json_is_the_same_profile(tmp_path: Path, text: str, dumped_rate: object) -> None:
    profile = read(tmp_path, text)
    dumped = profile.model_dump(mode="json", by_alias=True)
    assert dumped["load"]["rate"] == dumped_rate
    path = tmp_path / "dumped.yaml"
    path.write_text(json.dumps(dumped))
    assert load_profile(path).profile == profile


def test_a_rate_is_swept_as_a_number(tmp_path: Path) -> None:
    trials = plan_trials(read(tmp_path, "  duration: 1s\nsweep: {load.rate: [1k, 5k]}\n"), seed=1)
    rates = {trial.factors["load.rate"]: trial.profile.load.rate for trial in trials if is_load(trial.profile)}
    assert rates == {1_000: 1_000, 5_000: 5_000}


def test_the_trials_of_a_ramp_last_as_long_as_its_stages(tmp_path: Path) -> None:
    trials = plan_trials(read(tmp_path, RAMP + "sweep: {load.connections: [1, 2]}\n"), seed=1)
    durations = [trial.profile.load.duration_ns for trial in trials if is_load(trial.profile)]
    assert durations == [10_500_000_000] * 2


@given(durations=st.lists(st.integers(min_value=1_000_000, max_value=10**12), min_size=1, max_size=20))
def test_stages_fill_the_measured_window_exactly(durations: list[int]) -> None:
    rate = [{"for": spell_duration_ns(duration_ns), "from": "1k"} for duration_ns in durations]
    load = Load.model_validate({"connections": 1, "rate": rate})
    assert load.duration_ns == sum(durations)
    assert stages_of(load) == [(duration_ns, 1_000, 1_000) for duration_ns in durations]


@pytest.mark.parametrize(
    ("added", "reported"),
    [
        ("  rate: 0\n  duration: 1s\n", "x.yaml:5:9: load.rate: must be at least 1, not 0"),
        ("  rate: 11M\n  duration: 1s\n", "x.yaml:5:9: load.rate: must be at most 10,000,000, not '11M'"),
        ("  rate: fast\n  duration: 1s\n", "x.yaml:5:9: load.rate: must be a whole number such as 500 or 20k, not 'fa"),
        ("  rate: 1.5\n  duration: 1s\n", "x.yaml:5:9: load.rate: must be a whole number such as 500 or 20k, or a lis"),
        (
            "  rate: {for: 1s}\n  duration: 1s\n",
            "x.yaml:5:9: load.rate: must be a whole number such as 500 or 20k, or a list of stage",
        ),
        (
            "  rate: yes\n  duration: 1s\n",
            "x.yaml:5:9: load.rate: must be a whole number such as 500 or 20k, not 'yes'",
        ),
        ("  rate: []\n", "x.yaml:5:9: load.rate: must not be empty"),
        (f"  rate: [{'{for: 1s, from: 1}, ' * 101}]\n", "x.yaml:5:9: load.rate: must have at most 100 items"),
        ("  rate: [1k]\n", "x.yaml:5:10: load.rate: must be a mapping with the keys for, from and to, not '1k'"),
        ("  rate: [{for: 1s, from: 0}]\n", "x.yaml:5:9: load.rate: sends no requests; at least one stage needs a rate"),
        ("  rate: [{for: 20h, from: 1}, {for: 5h, from: 1}]\n", "x.yaml:5:9: load.rate: must last at most 24h, not 25"),
        ("  rate: [{for: 10, from: 1}]\n", "x.yaml:5:16: load.rate.for: '10' has no unit; write 10s or 10ms"),
        ("  rate: [{for: 0, from: 1}]\n", "x.yaml:5:16: load.rate.for: must be at least 1ms, not 0"),
        ("  rate: [{from: 1}]\n", "x.yaml:5:10: load.rate.for: missing; this key is required"),
        ("  rate: [{for: 1s, to: 1}]\n", "x.yaml:5:10: load.rate.from: missing; this key is required"),
        ("  rate: [{for: 1s, from: -1}]\n", "x.yaml:5:26: load.rate.from: must be at least 0, not -1"),
        ("  rate: [{for: 1s, from: 1, to: 11M}]\n", "x.yaml:5:33: load.rate.to: must be at most 10,000,000, not '11M'"),
        ("  rate: [{for: 1s, frmo: 1, from: 1}]\n", "x.yaml:5:20: load.rate.frmo: unknown key; did you mean 'from'?"),
        ("  rate: 5k\n", "x.yaml:3:1: load.duration: missing; this key is required"),
        ("  idle: 0\n", "x.yaml:3:1: load.duration: missing; this key is required"),
        ("  duration:\n", "x.yaml:5:12: load.duration: must be a duration such as 500ms or 10s, not an empty value"),
        ("  duration: 1s\nsweep: {load.rate: [1000, 1k]}\n", "x.yaml:6:27: sweep.load.rate: duplicate value, the same"),
        ("  duration: 1s\nsweep: {load.rate: [0]}\n", "x.yaml:6:21: sweep.load.rate: must be at least 1, not 0"),
        (
            "  duration: 1s\nsweep: {load.rate: [[{for: 1s, from: 1}]]}\n",
            "x.yaml:6:21: sweep.load.rate: must be a single value, not a list",
        ),
    ],
)
def test_a_mistake_in_a_rate_is_reported_once_at_its_place(tmp_path: Path, added: str, reported: str) -> None:
    (line,) = mistakes(tmp_path, added)
    assert line.startswith(reported)


def is_load(profile: object) -> TypeGuard[LoadProfile]:
    return isinstance(profile, LoadProfile)
