"""From two readings of the kernel to what the verdict has to know, on readings that the test made."""

from dataclasses import replace

import pytest

from loadlab.analysis.verdict import CorePool, DescriptorUse, ListenQueueUse, WindowEvidence
from loadlab.experiment import usage as usage_module
from loadlab.experiment.context import Resources
from loadlab.experiment.load_record import LoadRecord
from loadlab.experiment.recorded_kinds import kinds_of
from loadlab.experiment.usage import WindowEdge, WindowUsage, total_usage, usage_over
from loadlab.fleet.messages import KindLabel
from loadlab.probes.clocks import ClockReading
from loadlab.probes.open_files import OpenFiles
from loadlab.probes.procfs import GroupReading, ProcessReading
from loadlab.probes.tcp import ListenQueue
from loadlab.probes.throttling import GroupCounters, LimitsReading
from loadlab.processes import Placement
from loadlab.processes.cores import CoresReading, CoreTimes, use_between
from loadlab.profile.schema import LoadProfile
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder
from loadlab.results.probe_data import ControlGroupUse, Pressure

SECOND_NS = 1_000_000_000
APART = Resources(Placement(target=(0,), load=(1,)), pinned=True, open_files=1024)


def group(time_ns: int, **cpu_ns: int) -> GroupReading:
    """Processes by number (`p1=...`), with the CPU time they have used so far."""
    processes = {
        int(name[1:]): ProcessReading(used, 0, 0, 0, 0, threads=1, rss_bytes=1, started_ticks=int(name[1:]))
        for name, used in cpu_ns.items()
    }
    return GroupReading(time_ns, processes)


def limits(throttled: int) -> LimitsReading:
    group = GroupCounters(0.4, throttled * 2, throttled, throttled * 1_000_000, None, None, None)
    return LimitsReading({"g": frozenset({"target"})}, {"g": group}, Pressure(cpu_ns=None, memory_ns=throttled))


START = WindowEdge(
    target=group(0, p1=0, p2=0),
    client=group(0, p3=0),
    beside=group(0, p4=0),
    cores=CoresReading(0, {0: CoreTimes(0, 0, 0), 1: CoreTimes(0, 0, 0)}, interrupts_charged=False),
    clocks=ClockReading(0, 1_000, 500, 0),
    target_files=[OpenFiles(pid=1, open=10, limit=64), OpenFiles(pid=2, open=63, limit=64)],
    listen_queue=ListenQueue(turned_away=2, backlog=16),
    limits=limits(throttled=3),
)
# The target was given 0.7 s of core 0, which was idle for 0.2 s; of core 1 load and others beside it had 0.4 s.
END = WindowEdge(
    target=group(SECOND_NS, p1=SECOND_NS * 7 // 10),
    client=group(SECOND_NS, p3=SECOND_NS * 3 // 10),
    beside=group(SECOND_NS, p4=SECOND_NS // 10),
    cores=CoresReading(
        SECOND_NS,
        {0: CoreTimes(SECOND_NS // 5, SECOND_NS // 20, 0), 1: CoreTimes(SECOND_NS // 2, 0, SECOND_NS // 20)},
        interrupts_charged=False,
    ),
    clocks=ClockReading(SECOND_NS, SECOND_NS + 1_300, SECOND_NS + 500, SECOND_NS - 40),
    target_files=[OpenFiles(pid=1, open=20, limit=64)],
    listen_queue=ListenQueue(turned_away=5, backlog=16),
    limits=limits(throttled=10),
)


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
    return usage_module.evidence_of(usage, resources, asked, record or LoadRecord(kinds_of(asked)))


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


def test_windows_of_one_rig_add_up_as_if_they_had_followed_one_another(usage: WindowUsage) -> None:
    total = total_usage([usage, usage, usage])
    assert total.target.cpu_ns == 3 * usage.target.cpu_ns
    assert (total.target.busy, total.client.busy, total.beside_busy) == pytest.approx(
        (usage.target.busy, usage.client.busy, usage.beside_busy)
    )
    assert total.client_busy_by_worker == pytest.approx(usage.client_busy_by_worker)
    assert total.listen_queue == ListenQueueUse(before=2, within=9, backlog=16)
    assert total.target_processes_ended == 3 * usage.target_processes_ended
    [group] = total.control_groups
    assert (group.periods, group.throttled_periods) == (42, 21)
    assert total.pressure == Pressure(cpu_ns=None, memory_ns=21)
    assert use_between(*total.cores, [0, 1]) == pytest.approx(use_between(*usage.cores, [0, 1]))


def test_a_side_is_as_busy_as_it_was_while_there_was_load() -> None:
    evidence = evidence_of(usage_over(START, END, active_ns=SECOND_NS // 2), APART)
    assert evidence.client_busy_by_worker == (0.6,)
    assert evidence.target_busy == 1.4
    assert [pool.idle for pool in evidence.pools] == [{0: 0.0}, {1: 0.0}]


def test_several_windows_are_as_long_as_all_of_them(usage: WindowUsage) -> None:
    record = LoadRecord(kinds_of(profile()))
    assert usage_module.evidence_of(usage, APART, profile(), record, windows=5).asked_ns == 5 * SECOND_NS
