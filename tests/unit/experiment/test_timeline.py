"""Readings of two ends whose processes the test made up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from loadlab.experiment import timeline as module
from loadlab.experiment.ends import Ends
from loadlab.experiment.timeline import Timeline
from loadlab.probes.procfs import GroupReading, ProcessReading
from loadlab.results.probe_data import SocketCounters, SocketsReading
from loadlab.serving import reading
from loadlab.serving.reading import TargetReadings
from loadlab.serving.starting import Server

TARGET, WORKER = 1, 2


@dataclass
class Machine:
    """Both sides, a second later at each reading; the target takes a millisecond of CPU time in each."""

    threads: int = 1
    target_pids: list[int] = field(default_factory=lambda: [TARGET])
    shared_bytes: list[int] = field(default_factory=lambda: [70, 80])
    seconds: int = 0

    @property
    def target(self) -> "Machine":
        return self

    @property
    def side(self) -> TargetReadings:
        return TargetReadings(cast(Server, self))

    @property
    def fleet(self) -> "Machine":
        return self

    def pids(self) -> list[int]:
        return self.target_pids

    def worker_pids(self) -> list[int]:
        return [WORKER]

    def monotonic_ns(self) -> int:
        self.seconds += 1
        return self.seconds * 1_000_000_000

    def read_group(self, pids: Iterable[int], time_ns: int) -> GroupReading:
        reading = ProcessReading(
            cpu_user_ns=time_ns // 1000,
            cpu_system_ns=0,
            voluntary_switches=0,
            involuntary_switches=0,
            run_queue_wait_ns=0,
            threads=self.threads,
            rss_bytes=100,
            started_ticks=1,
            open_descriptors=10 * self.seconds,
        )
        return GroupReading(time_ns, dict.fromkeys(pids, reading))

    def read_sockets(self, at_ns: int) -> SocketsReading:
        counters = SocketCounters(retransmitted=self.seconds, listen_overflows=0, listen_drops=0, resets_sent=0)
        return SocketsReading(at_ns=at_ns, in_use=1, time_wait=0, orphans=0, buffers_bytes=0, counters=counters)

    def read_pss(self, pids: Iterable[int]) -> int:
        return self.shared_bytes.pop(0) if list(pids) == [TARGET] else 5


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(reading, "time", machine)  # the target is read first
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic_ns=lambda: machine.seconds * 1_000_000_000))
    for name in ("read_group", "read_pss"):
        monkeypatch.setattr(module, name, getattr(machine, name))
    for name in ("read_group", "read_sockets", "read_pss"):
        monkeypatch.setattr(reading, name, getattr(machine, name))
    return machine


def timeline_of(machine: Machine, points: int) -> Timeline:
    timeline = Timeline(cast(Ends, machine))
    for point in range(points):
        timeline.read(at_end=point == points - 1)
    return timeline


def test_each_stretch_lies_between_two_readings(machine: Machine) -> None:
    timeline = timeline_of(machine, 4)
    found, sockets = timeline.processes(), timeline.sockets()
    assert found is not None
    assert [stretch.cpu_user_ns for stretch in found.target] == [1_000_000] * 3
    assert [stretch.window_ns for stretch in found.client] == [1_000_000_000] * 3
    assert found.target_at_start is not None
    assert [state.open_descriptors for state in [found.target_at_start, *found.target]] == [10, 20, 30, 40]
    assert sockets is not None
    assert [reading.at_ns for reading in sockets.readings] == [0, 1_000_000_000, 2_000_000_000, 3_000_000_000]
    assert sockets.counted.retransmitted == 3


def test_tcp_that_the_kernel_does_not_show_is_null(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "read_sockets", lambda _at_ns: None)
    timeline = timeline_of(machine, 3)
    assert timeline.sockets() is None
    assert timeline.processes() is not None


def test_one_reading_is_no_stretch(machine: Machine) -> None:
    timeline = timeline_of(machine, 1)
    assert timeline.processes() is None
    assert timeline.sockets() is None


def test_of_many_threads_only_both_ends_are_read(machine: Machine) -> None:
    machine.threads = 1000
    found = timeline_of(machine, 9).processes()
    assert found is not None
    assert len(found.target) == 1


def test_a_target_that_forks_on_the_way_has_one_stretch_and_the_client_all(machine: Machine) -> None:
    timeline = Timeline(cast(Ends, machine))
    timeline.read()
    machine.target_pids = [TARGET, 3]
    for point in range(4):
        timeline.read(at_end=point == 3)
    found = timeline.processes()
    assert found is not None
    assert [(stretch.processes, stretch.window_ns) for stretch in found.target] == [(2, 4_000_000_000)]
    assert len(found.client) == 4


def test_a_target_whose_processes_end_on_the_way_has_all_stretches(machine: Machine) -> None:
    machine.target_pids = [TARGET, 3]
    timeline = Timeline(cast(Ends, machine))
    timeline.read()
    machine.target_pids = [TARGET]
    for point in range(4):
        timeline.read(at_end=point == 3)
    found = timeline.processes()
    assert found is not None
    assert len(found.target) == 4


@pytest.mark.parametrize("points", [64, 65, 66, 500, 1000])
def test_a_long_window_has_no_more_points_and_loses_nothing(machine: Machine, points: int) -> None:
    timeline = timeline_of(machine, points)
    found, sockets = timeline.processes(), timeline.sockets()
    assert found is not None
    assert sockets is not None
    assert 32 <= len(found.target) == len(sockets.readings) - 1 <= 64
    read = machine.seconds
    assert sum(stretch.cpu_user_ns for stretch in found.target) == (read - 1) * 1_000_000
    assert read <= 65 + 32 * 5


def test_memory_in_equal_parts_is_that_before_the_load_and_after_it(machine: Machine) -> None:
    timeline = Timeline(cast(Ends, machine))
    timeline.read_memory()
    for point in range(3):
        timeline.read(at_end=point == 2)
    timeline.read_memory()
    found = timeline.processes()
    assert found is not None
    assert found.target_at_start is not None
    assert [state.pss_bytes for state in [found.target_at_start, *found.target]] == [70, None, 80]
    assert found.client[-1].pss_bytes == 5


def test_memory_that_was_not_read_is_not_made_up(machine: Machine) -> None:
    found = timeline_of(machine, 3).processes()
    assert found is not None
    assert {state.pss_bytes for state in [*found.target, *found.client, found.client_at_start] if state} == {None}
