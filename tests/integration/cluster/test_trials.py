"""Trials whose load comes from two Dask workers of this machine, with a bundled server as the target."""

import os
import signal
from typing import Final
from unittest.mock import Mock

import pytest

from loadlab.cluster.connecting import connect
from loadlab.cluster.fleet import ClusterFleet
from loadlab.cluster.remote import Cluster
from loadlab.errors import LatePlan, TrialFailed
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.rig import NO_LOGS
from loadlab.experiment.rounds import Batch
from loadlab.experiment.trial import TrialRun
from loadlab.fleet.messages import Plan
from loadlab.profile import LoadProfile, plan_trials
from loadlab.results.trial import TrialResult

from .dask_cluster import DaskCluster, load_processes, wait_until_none

pytestmark = pytest.mark.timeout(180)

MS: Final = 1_000_000


def profile(**changes: object) -> LoadProfile:
    data = {
        "name": "cluster",
        "target": {"server": "callback"},
        "load": {"connections": 9, "idle": 101, "warmup": "50ms", "duration": "500ms"},
        "retries": 0,
    }
    return LoadProfile.model_validate({**data, **changes})


def context(cluster: Cluster) -> RunContext:
    return RunContext(resources_of_host(), Unobserved(), lambda: None, cluster=cluster)


def check_machines(result: TrialResult) -> None:
    """Both have their share, and together they are the trial."""
    one, two = result.machines
    assert (one.name, two.name) == ("one", "two")
    assert one.connections + two.connections == 9
    assert one.idle + two.idle == 101
    assert all(each.workers >= 1 and each.requests > 0 for each in (one, two))
    assert one.requests + two.requests == result.requests
    assert one.response_ns.count + two.response_ns.count == result.response_ns.count
    assert one.lateness_ns.count + two.lateness_ns.count == result.lateness_ns.count
    assert all(each.speed.client for each in (one, two))
    for each in (one, two):  # on this machine's own clock
        assert each.clock is not None
        assert (each.clock.offset_ns, each.clock.bound_ns) == (0, 0)
    assert one.client is not None
    assert two.client is not None
    assert result.client is not None
    assert result.client.cpu_ns == one.client.cpu_ns + two.client.cpu_ns > 0
    assert result.client.processes == one.workers + two.workers
    assert result.idle is not None
    assert result.idle.alive == 101
    assert result.idle.problem is None


def test_a_trial_has_the_figures_of_each_machine(dask: DaskCluster) -> None:
    with connect(dask.address) as cluster:
        [trial] = plan_trials(profile(probes=["procfs"]), seed=1)
        run = TrialRun(trial, context(cluster), keep_stacks=Mock())
        run.measure()
        result = run.result("done", None)
        check_machines(result)
        assert result.window_ns >= 400 * MS
        assert result.target is not None
        assert result.target.cpu_ns > 0
        assert result.probes.procfs is not None
        assert not any(load_processes(worker) for worker in dask.workers.values())


def test_rigs_on_one_cluster_are_measured_in_turn(dask: DaskCluster) -> None:
    swept = profile(rounds=3, sweep={"target.server": ["callback", "epoll"]})
    short = swept.model_copy(update={"load": swept.load.model_copy(update={"duration_ns": 50 * MS})})
    with connect(dask.address) as cluster:
        batch = Batch(plan_trials(short, seed=2), context(cluster), 1, lambda _: NO_LOGS)
        batch.measure(lambda _: None)
        for run in batch.runs:
            result = run.result()
            assert (result.state, len(result.rounds)) == ("done", 3)
            check_machines(result)
            assert result.requests == sum(each.requests for each in result.rounds)


def test_a_slice_whose_plan_came_too_late_is_measured_again(dask: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    measure = ClusterFleet.measure

    def late_once(fleet: ClusterFleet, plan: Plan) -> None:
        measure(fleet, plan)
        measured.append(plan.windows[0].duration_ns)
        if len(measured) == 3:  # after the warm-up and a slice
            raise LatePlan("a machine got its plan too late")

    monkeypatch.setattr(ClusterFleet, "measure", late_once)
    load = {"connections": 9, "idle": 101, "warmup": "50ms", "duration": "100ms"}
    with connect(dask.address) as cluster:
        batch = Batch(plan_trials(profile(rounds=3, load=load), seed=2), context(cluster), 1, lambda _: NO_LOGS)
        batch.measure(lambda _: None)
        result = batch.runs[0].result()
        assert (result.state, len(result.rounds)) == ("done", 3)
        assert measured[1:] == [100 * MS] * 4
        check_machines(result)
        assert result.requests == sum(each.requests for each in result.rounds)
        assert result.window_ns <= 3 * 110 * MS


def test_a_process_that_dies_in_rounds_is_the_reason_that_its_trial_ends(dask: DaskCluster) -> None:
    class Kill(Unobserved):
        def phase(self, name: str, fraction: float | None) -> None:
            if name == "round 4 of 50":
                os.kill(load_processes(dask.workers["two"])[0], signal.SIGKILL)

    long = profile(rounds=50)
    long = long.model_copy(update={"load": long.load.model_copy(update={"duration_ns": 50 * MS})})
    with connect(dask.address) as cluster:
        context = RunContext(resources_of_host(), Kill(), lambda: None, cluster=cluster)
        batch = Batch(plan_trials(long, seed=1), context, 1, lambda _: NO_LOGS)
        batch.measure(lambda _: None)
        result = batch.runs[0].result()
    assert result.state == "failed"
    assert "on two was killed by SIGKILL" in (result.reason or "")
    assert len(result.rounds) >= 3
    assert sum(machine.requests for machine in result.machines) == result.requests > 0


def test_a_machine_that_dies_ends_the_trial_with_its_name_and_what_was_measured(own_dask: DaskCluster) -> None:
    killed = own_dask.workers["two"]
    seen = 0

    class Kill(Unobserved):
        def so_far(self, measured: object) -> None:
            nonlocal seen
            seen += 1
            if seen == 4:
                os.kill(killed.pid, signal.SIGKILL)

    long = profile()
    long = long.model_copy(update={"load": long.load.model_copy(update={"duration_ns": 20_000 * MS})})
    with connect(own_dask.address) as cluster:
        [trial] = plan_trials(long, seed=1)
        run = TrialRun(trial, RunContext(resources_of_host(), Kill(), lambda: None, cluster=cluster))
        with pytest.raises(TrialFailed, match="client machine two has been lost"):
            run.measure()
        result = run.result("failed", "lost")
        assert result.requests > 0
        assert sum(machine.requests for machine in result.machines) == result.requests
        wait_until_none(own_dask.workers["one"])
