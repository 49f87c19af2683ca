from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.experiment.one import first_trial
from loadlab.profile import LoadProfile, load_profile


def test_the_first_trial_has_the_first_value_of_all_that_is_swept(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("async def browse(user): ...\nasync def checkout(user): ...\n")
    (tmp_path / "x.yaml").write_text(
        "name: x\ntarget: {server: coroutine}\nrepeat: 3\n"
        "load: {scenario: shop.py:checkout, connections: 4, duration: 1s}\n"
        "sweep: {load.scenario: [shop.py:browse, shop.py:checkout], load.connections: [7, 8]}\n"
    )
    profile = first_trial(load_profile(tmp_path / "x.yaml").profile)
    assert isinstance(profile, LoadProfile)
    assert profile.load.scenario == f"{tmp_path}/shop.py:browse"
    assert (profile.load.connections, profile.repeat, profile.sweep) == (7, 1, {})


@pytest.mark.parametrize(
    "text",
    [
        "name: x\ntarget: {server: coroutine}\nload: {connections: 4, duration: 1s}\n",
        "name: x\nkind: wait-cost\nwait: {method: poll, descriptors: 10}\n",
    ],
)
def test_a_profile_without_a_scenario_has_no_iteration(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(LoadlabError, match="--one runs an iteration of a scenario, and this profile has none"):
        first_trial(load_profile(tmp_path / "x.yaml").profile)


def test_a_target_on_a_machine_of_a_cluster_is_not_here(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("async def buy(user):\n    pass\n")
    load = "{scenario: shop.py:buy, connections: 1, duration: 1s}"
    (tmp_path / "x.yaml").write_text(f"name: x\ntarget: {{server: coroutine, on: db}}\nload: {load}\n")
    with pytest.raises(LoadlabError, match="without a cluster, so there is no machine db"):
        first_trial(load_profile(tmp_path / "x.yaml").profile)
