"""Which machine of a cluster may have the target, and what is said where none can."""

from types import SimpleNamespace
from typing import cast

import pytest

from loadlab.cluster.remote import Cluster
from loadlab.errors import LoadlabError
from loadlab.experiment.target_side import check_hosts, only_host, why_not_hosted
from loadlab.profile import LoadProfile, plan_trials
from loadlab.profile.sweep import Trial


def cluster_of(*names: str) -> Cluster:
    return cast(Cluster, SimpleNamespace(machines=[SimpleNamespace(name=name) for name in names]))


def trials_on(*names: str) -> list[Trial]:
    data = {"name": "x", "target": {"server": "epoll"}, "load": {"connections": 1, "duration": "1s"}}
    profile = LoadProfile.model_validate({**data, "sweep": {"target.on": names}} if names else data)
    return plan_trials(profile, seed=1)


def why_not(name: str, cluster: Cluster | None) -> str | None:
    [trial] = trials_on(name)
    assert isinstance(trial.profile, LoadProfile)
    return why_not_hosted(trial.profile, cluster)


def test_a_machine_of_the_cluster_beside_others_may() -> None:
    assert why_not("db", cluster_of("db", "one")) is None


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (
            None,
            "target.on: db is a machine of a cluster: name its scheduler with --cluster, or remove target.on",
        ),
        (cluster_of("one", "two", "three"), "the cluster has no machine db (target.on); it has one, two and three"),
        (
            cluster_of("db"),
            "machine db has the target (target.on), so the load has to come from others, and the cluster has no other: "
            "start a Dask worker on one",
        ),
    ],
)
def test_one_that_may_not_is_said_why_before_anything_is_measured(cluster: Cluster | None, reason: str) -> None:
    assert why_not("db", cluster) == reason
    with pytest.raises(LoadlabError) as caught:
        check_hosts(trials_on("db"), cluster)
    assert str(caught.value) == reason


def test_a_target_that_names_no_machine_needs_none() -> None:
    check_hosts(trials_on(), None)
    assert only_host(trials_on()) is None


def test_machines_that_take_turns_are_no_only_host() -> None:
    assert only_host(trials_on("db")) == "db"
    assert only_host(trials_on("db", "web")) is None
