"""From two readings of the kernel to what the verdict has to know, on readings that the test made."""

from dataclasses import replace

import pytest

from loadlab.analysis.verdict import CorePool, DescriptorUse, ListenQueueUse, WindowEvidence
from loadlab.experiment import evidence as evidence_module
from loadlab.experiment.context import Resources
from loadlab.experiment.load_record import LoadRecord
from loadlab.experiment.machine_usage import LoadMachine, MachineUse
from loadlab.experiment.recorded_kinds import kinds_of
from loadlab.experiment.usage import WindowEdge, WindowUsage, total_usage, usage_over
from loadlab.fleet.messages import KindLabel
from loadlab.probes.clocks import change_between
from loadlab.probes.procfs import GroupReading, usage_between
from loadlab.processes import Placement
from loadlab.processes.cores import CoresReading
from loadlab.profile.schema import LoadProfile
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder
from loadlab.results.machine import MachineResult
from loadlab.results.probe_data import ControlGroupUse, Pressure
from loadlab.serving.reading import HostReading

from .edges import APART, END, SECOND_NS, START, group


@pytest.fixture
def usage() -> WindowUsage:
    return usage_over(START, END)


def rounded(pool: CorePool) -> CorePool:
    return replace(pool, others=round(pool.others, 9))


def profile(**load: object) -> LoadProfile:
    settings = {"connections": 1, "duration": "1s", **load}
    return LoadProfile.model_validate({"name": "x", "target": {"server": "epoll"}, "load": settings})


def evidence_of(
    usage: WindowUsage | None, resources: Resources, load: LoadProfile | None = None, record: LoadRecord | None = None
) -> WindowEvidence:
    """The evidence of a load of one connection, of which nothing is recorded."""
    asked = load or profile()
    return evidence_module.evidence_of(usage, resources, asked, record or LoadRecord(kinds_of(asked)))


def test_what_others_used_of_each_side_is_what_the_trial_did_not(usage: WindowUsage) -> None:
    target, client = evidence_of(usage, APART).pools
    assert rounded(target) == CorePool("target", {0: 0.2}, stolen=0.05, others=0.05)
    assert rounded(client) == CorePool("client", {1: 0.5}, stolen=0.0, others=0.05)


def test_what_limits_did_within_the_window_is_evidence(usage: WindowUsage) -> None:
    evidence = evidence_of(usage, APART)
    assert evidence.control_groups == (
        ControlGroupUse(
            group="/g", holds=["target"], quota_cores=0.4, periods=14, throttled_periods=7, throttled_ns=7_000_000
        ),
    )
    assert evidence.memory_pressure_ns == 7


@pytest.mark.parametrize(
    ("conditions", "shared"),
    [
        (replace(APART, pinned=False), (0, 1)),
        (Resources(Placement(target=(0, 1), load=(1,)), pinned=True, open_files=1024), (1,)),
    ],
)
def test_cores_that_are_not_kept_apart_are_one_pool(
    usage: WindowUsage, conditions: Resources, shared: tuple[int, ...]
) -> None:
    evidence = evidence_of(usage, conditions)
    assert [rounded(pool) for pool in evidence.pools] == [CorePool("both", {0: 0.2, 1: 0.5}, stolen=0.025, others=0.1)]
    assert evidence.shared_cores == shared
    assert evidence.target_cores == 2


def test_a_machine_with_one_core_shares_it_whatever_the_placement() -> None:
    one = Resources(Placement(target=(0,), load=(0,)), pinned=False, open_files=1024)
    assert evidence_of(None, one).shared_cores == (0,)


def test_cores_that_cannot_be_read_are_no_pool() -> None:
    blind = replace(END, cores=CoresReading(SECOND_NS, {}, interrupts_charged=False))
    assert evidence_of(usage_over(START, blind), APART).pools == ()


def test_the_use_of_each_side_is_told(usage: WindowUsage) -> None:
    evidence = evidence_of(usage, APART)
    assert evidence.client_busy_by_worker == (0.3,)
    assert evidence.target_busy == 0.7
    assert (evidence.target_processes, evidence.target_processes_ended) == (2, 1)
    assert evidence.fullest_target == DescriptorUse(pid=2, open=63, limit=64)
    assert evidence.listen_queue == ListenQueueUse(before=2, within=3, backlog=16)
    assert (evidence.clock_set_ns, evidence.clock_asleep_ns, evidence.clock_corrected_ns) == (300, 0, 40)


def test_a_listener_that_is_not_seen_tells_nothing() -> None:
    evidence = evidence_of(usage_over(replace(START, listen_queue=None), END), APART)
    assert evidence.listen_queue is None


def test_without_a_window_only_what_was_asked_for_is_known() -> None:
    evidence = evidence_of(None, APART)
    assert evidence.asked_ns == SECOND_NS
    assert evidence.pools == ()
    assert evidence.target_busy is None


@pytest.mark.parametrize(
    ("rate", "steady"),
    [
        (None, True),
        ("1k", True),
        ([{"for": "1s", "from": "1k"}], True),
        ([{"for": "1s", "from": "1k", "to": "2k"}], False),
    ],
)
def test_a_ramp_is_no_steady_load(rate: object, steady: bool) -> None:
    assert evidence_of(None, APART, profile(rate=rate)).steady_load is steady


def test_statuses_that_no_request_of_their_kind_expects_are_counted() -> None:
    mix = [{"path": "/a", "name": "a", "weight": 1}, {"path": "/b", "name": "b", "weight": 1, "expect_status": "404"}]
    asked = profile(mix=mix, slow_connections=1)
    record = LoadRecord(kinds_of(asked))
    for totals, statuses in zip(record.by_kind, ({"200": 5, "404": 2}, {"404": 7, "500": 1}, {"500": 9}), strict=True):
        totals.statuses.update(statuses)
    assert evidence_of(None, APART, asked, record).unexpected_statuses == {"404": 2, "500": 1}


def test_of_a_scenario_statuses_count_whose_requests_failed_by_them() -> None:
    asked = profile(scenario="shop.py:checkout")
    record = LoadRecord(kinds_of(asked))
    recorder = Recorder()
    recorder.outcomes[Outcome.STATUS] += 1
    failed, expected = recorder.take(0, SECOND_NS), Recorder().take(0, SECOND_NS)
    labels = [KindLabel("request", "GET /a"), KindLabel("request", "GET /missing")]
    record.add("load worker 1", [failed, expected], labels)
    record.by_kind[0].statuses.update({"200": 5, "302": 1, "500": 1})
    record.by_kind[1].statuses.update({"404": 7})  # as its requests say (extensions)
    assert evidence_of(None, APART, asked, record).unexpected_statuses == {"500": 1}


def test_users_of_a_scenario_do_more_than_wait_for_answers() -> None:
    assert evidence_of(None, APART, profile()).users == 1
    assert evidence_of(None, APART, profile(scenario="shop.py:checkout")).users is None


def test_the_service_times_are_evidence() -> None:
    record = LoadRecord(kinds_of(profile()))
    record.totals.histograms[Metric.SERVICE].fold([7, 8])
    times = evidence_of(None, APART, profile(), record).service_times
    assert times is not None
    assert times.count == 2


def test_of_a_target_on_another_machine_no_use_is_known() -> None:
    usage = usage_over(replace(START, target=group(0)), replace(END, target=group(SECOND_NS)))
    elsewhere = Resources(Placement(target=(), load=(0, 1)), pinned=True, open_files=1024)
    evidence = evidence_of(usage, elsewhere)
    assert (evidence.target_busy, evidence.shared_cores) == (None, ())
    assert [pool.owner for pool in evidence.pools] == ["client"]


def test_a_side_is_as_busy_as_it_was_while_there_was_load() -> None:
    evidence = evidence_of(usage_over(START, END, active_ns=SECOND_NS // 2), APART)
    assert evidence.client_busy_by_worker == (0.6,)
    assert evidence.target_busy == 1.4
    assert [pool.idle for pool in evidence.pools] == [{0: 0.0}, {1: 0.0}]


def test_several_windows_are_as_long_as_all_of_them(usage: WindowUsage) -> None:
    record = LoadRecord(kinds_of(profile()))
    assert evidence_module.evidence_of(usage, APART, profile(), record, windows=5).asked_ns == 5 * SECOND_NS


HERE, THERE = "the kernel of the coordinator", "another kernel"


def machine(name: str, *cores: int, kernel: str = HERE) -> LoadMachine:
    result = MachineResult(name=name, host="h", cores=1, workers=1, holders=0, connections=1, idle=0)
    return LoadMachine(result, cores, kernel=kernel, is_here=kernel == HERE)


def use_of(busy: float) -> MachineUse:
    """A machine whose only load worker used so much; of its cores the same is known as of those of the target."""
    used_ns = round(busy * SECOND_NS)
    client = usage_between(group(0, p9=0), group(SECOND_NS, p9=used_ns))
    return MachineUse(
        client=client,
        busy_by_worker=(busy,),
        beside_busy=0.0,
        clocks=change_between(START.clocks, END.clocks),
        cores=(START.cores, END.cores),
        control_groups=(),
        pressure=Pressure(cpu_ns=None, memory_ns=None),
    )


def evidence_on(usage: WindowUsage, resources: Resources, *machines: LoadMachine) -> dict[str, WindowEvidence]:
    record = LoadRecord(kinds_of(profile()))
    known = evidence_module.evidence_of(usage, resources, profile(), record, machines=machines)
    return {"trial": known} | evidence_module.evidence_by_machine(known, usage, resources, machines)


def test_each_machine_has_its_own_pool_beside_that_of_the_target(usage: WindowUsage) -> None:
    cluster = replace(usage, machines={"a": use_of(0.25), "b": use_of(0.5)})
    found = evidence_on(cluster, APART, machine("a", 1), machine("b", 0, kernel=THERE), machine("lost", 1))
    assert list(found) == ["trial", "a", "b"]  # of the one that was not read nothing is known
    assert [pool.owner for pool in found["trial"].pools] == ["target"]
    assert [rounded(pool) for pool in found["a"].pools] == [
        CorePool("target", {0: 0.2}, stolen=0.05, others=0.05),
        # 0.45 were used there, 0.25 by its worker; of 1.2 on both cores 1.05 were those of the trial.
        CorePool("client", {1: 0.5}, stolen=0.0, others=0.15),
    ]
    assert rounded(found["b"].pools[1]) == CorePool("client", {0: 0.2}, stolen=0.05, others=0.25)
    assert found["b"].client_busy_by_worker == (0.5,)
    assert found["b"].target_busy == 0.7


def test_a_target_that_shares_its_cores_with_machines_is_no_disturbance_of_theirs(usage: WindowUsage) -> None:
    cluster = replace(usage, machines={"a": use_of(0.3)})
    found = evidence_on(cluster, replace(APART, pinned=False), machine("a", 0, 1))
    assert [rounded(pool) for pool in found["a"].pools] == [
        CorePool("both", {0: 0.2, 1: 0.5}, stolen=0.025, others=0.1),
        CorePool("client", {0: 0.2, 1: 0.5}, stolen=0.025, others=0.1),
    ]


def test_with_all_load_from_elsewhere_the_cores_here_are_those_of_the_target(usage: WindowUsage) -> None:
    alone = Resources(Placement(target=(0, 1), load=()), pinned=False, open_files=1024)
    found = evidence_on(replace(usage, machines={"b": use_of(0.5)}), alone, machine("b", 0, kernel=THERE))
    assert [pool.owner for pool in found["trial"].pools] == ["target"]
    assert found["trial"].shared_cores == ()


def test_workers_of_machines_on_one_core_fill_it_together(usage: WindowUsage) -> None:
    cluster = replace(usage, machines={"a": use_of(0.5), "b": use_of(0.25), "c": use_of(0.125)})
    found = evidence_on(cluster, APART, machine("a", 1), machine("b", 1), machine("c", 1, kernel=THERE))
    assert found["a"].client_busy_by_worker == (0.5, 0.75)
    assert found["b"].client_busy_by_worker == (0.25, 0.75)
    assert found["c"].client_busy_by_worker == (0.125,)


def host_reading(edge: WindowEdge, beside: GroupReading) -> HostReading:
    """The machine of a target, on which the same is known of cores, clocks and limits as of this one."""
    return HostReading("db", beside, edge.cores, edge.clocks, edge.limits)


def hosted_usage(asleep_ns: int = 0) -> WindowUsage:
    start = host_reading(START, group(0, p8=0))
    end = host_reading(END, group(SECOND_NS, p8=SECOND_NS // 20))
    end = replace(end, clocks=replace(end.clocks, boottime_ns=end.clocks.boottime_ns + asleep_ns))
    usage = usage_over(replace(START, host=start), replace(END, host=end))
    return replace(usage, machines={"one": use_of(0.3)})


def test_a_hosted_target_has_the_cores_of_its_machine() -> None:
    resources = Resources(Placement(target=(0,), load=(0, 1)), pinned=False, open_files=1024, target_on="db")
    found = evidence_on(hosted_usage(), resources, machine("one", 1, kernel="other"))["trial"]
    # Of the 0.75 that core 0 was charged with the target had 0.7; its Dask worker's 0.05 are no disturbance.
    assert [rounded(pool) for pool in found.pools] == [CorePool("target", {0: 0.2}, stolen=0.05, others=0.0)]
    assert found.shared_cores == ()
    assert found.target_cores == 1


def test_a_machine_that_slept_with_its_target_is_evidence() -> None:
    resources = Resources(Placement(target=(0,), load=()), pinned=True, open_files=1024, target_on="db")
    assert evidence_of(hosted_usage(asleep_ns=SECOND_NS), resources).clock_asleep_ns == SECOND_NS


def test_windows_of_a_hosted_target_add_up() -> None:
    both = total_usage([hosted_usage(), hosted_usage()])
    assert both.host is not None
    assert both.host.beside_busy == pytest.approx(0.05)
    assert both.target.window_ns == 2 * SECOND_NS
