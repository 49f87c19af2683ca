"""Planning: the product of the sweep, its order, and what each trial carries."""

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile import LoadProfile, SwitchCostProfile, Trial, plan_trials
from loadlab.profile.files import without_common_folder


def profile(**changes: Any) -> LoadProfile:  # noqa: ANN401 - sections of a profile, as in YAML
    return LoadProfile.model_validate(
        {
            "name": "x",
            "target": {"server": "epoll"},
            "load": {"connections": 4, "duration": "2s"},
            "sweep": {"target.server": ["select", "epoll"], "load.idle": [0, "1k", "19k"]},
            **changes,
        }
    )


def combination(trial: Trial) -> str:
    return json.dumps(trial.factors, sort_keys=True)


def test_without_a_sweep_there_is_one_trial_without_factors() -> None:
    (trial,) = plan_trials(profile(sweep={}), seed=1)
    assert (trial.id, trial.repeat, trial.factors) == ("001", 1, {})


def test_a_trial_has_its_factors_applied_and_no_sweep() -> None:
    for trial in plan_trials(profile(), seed=1):
        assert isinstance(trial.profile, LoadProfile)
        assert trial.profile.target.server == trial.factors["target.server"]
        assert trial.profile.load.idle == trial.factors["load.idle"]
        assert trial.profile.sweep == {}


def test_factors_are_plain_numbers_and_durations_keep_their_unit() -> None:
    trials = plan_trials(profile(sweep={"load.idle": ["19k"], "load.duration": ["500ms"], "placement": ["none"]}), 1)
    assert trials[0].factors == {"load.idle": 19_000, "load.duration": "500ms", "placement": "none"}
    assert isinstance(trials[0].profile, LoadProfile)
    assert trials[0].profile.load.duration_ns == 500_000_000


def test_factors_name_files_without_the_folder_that_they_share() -> None:
    swept = {"load.scenario": ["/home/ann/shop/visit.py:order", "/home/ann/shop/old/visit.py:order"]}
    assert {trial.factors["load.scenario"] for trial in plan_trials(profile(sweep=swept), seed=1)} == {
        "visit.py:order",
        "old/visit.py:order",
    }
    assert without_common_folder("target.tls.ca", ["/etc/ca.pem"]) == ["ca.pem"]
    assert without_common_folder("load.path", ["/etc/ca.pem"]) == ["/etc/ca.pem"]
    assert without_common_folder("target.tls.ca", [None, "/a/b", "/a/c"]) == [None, "b", "c"]


def test_options_of_a_server_are_swept_like_any_setting() -> None:
    pools = profile(target={"server": "epoll-threads", "trigger": "edge"}, sweep={"target.pool": [1, 8]})
    trials = plan_trials(pools, seed=1)
    options = [trial.profile.target.options for trial in trials if isinstance(trial.profile, LoadProfile)]
    assert sorted(options, key=str) == [{"trigger": "edge", "pool": 1}, {"trigger": "edge", "pool": 8}]
    assert all(trial.factors["target.pool"] == option["pool"] for trial, option in zip(trials, options, strict=True))


def test_a_profile_of_another_kind_makes_trials_of_that_kind() -> None:
    costs = SwitchCostProfile.model_validate(
        {
            "name": "x",
            "kind": "switch-cost",
            "switch": {"unit": "call", "count": 10},
            "sweep": {"switch.unit": ["generator", "thread"]},
        }
    )
    trials = plan_trials(costs, seed=1)
    assert sorted(str(trial.factors["switch.unit"]) for trial in trials) == ["generator", "thread"]
    assert all(isinstance(trial.profile, SwitchCostProfile) for trial in trials)
    assert {trial.profile.switch.unit for trial in trials if isinstance(trial.profile, SwitchCostProfile)} == {
        "generator",
        "thread",
    }


@given(seed=st.integers(min_value=0, max_value=2**63 - 1), repeat=st.integers(min_value=1, max_value=5))
def test_every_repeat_holds_every_combination_once_before_the_next_begins(seed: int, repeat: int) -> None:
    trials = plan_trials(profile(repeat=repeat), seed)
    assert [trial.repeat for trial in trials] == [number for number in range(1, repeat + 1) for _ in range(6)]
    assert [trial.id for trial in trials] == [f"{number:03d}" for number in range(1, 6 * repeat + 1)]
    counted = Counter((trial.repeat, combination(trial)) for trial in trials)
    assert len(counted) == 6 * repeat
    assert set(counted.values()) == {1}


def test_the_seed_fixes_the_order_and_each_repeat_has_its_own() -> None:
    def order(seed: int) -> list[str]:
        return [combination(trial) for trial in plan_trials(profile(repeat=2), seed)]

    assert order(7) == order(7)
    assert order(7) != order(8)
    assert order(7)[:6] != order(7)[6:]
