"""The arithmetic that measures how fast cores are: where it runs, and what becomes of cores that are not to be had."""

import itertools
import os
from collections.abc import Callable

import pytest

from loadlab.probes import speed
from loadlab.probes.speed import MOST_CORES, SpeedMeter, measure_core_speeds, watch_speed
from loadlab.results.speed import MachineSpeed, SpeedReading

OWN = {0, 1}


class FakeCores:
    """Cores that take a given time each; those that are not among them cannot be used."""

    def __init__(self, ns_by_core: dict[int, int]) -> None:
        self.ns_by_core = ns_by_core
        self.now = set(OWN)
        self.used: list[int] = []
        self.fails_at: int | None = None

    def set(self, pid: int, cores: set[int]) -> None:
        assert pid == 0
        if not cores <= self.ns_by_core.keys() | OWN:
            raise OSError(22, "Invalid argument")
        self.now = set(cores)

    def spend(self) -> int:
        (core,) = self.now
        if core == self.fails_at:
            raise KeyboardInterrupt
        self.used.append(core)
        return self.ns_by_core[core]


@pytest.fixture
def fake_cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, int]], FakeCores]:
    def install(ns_by_core: dict[int, int]) -> FakeCores:
        fake = FakeCores(ns_by_core)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(fake.now))
        monkeypatch.setattr(os, "sched_setaffinity", fake.set)
        monkeypatch.setattr(speed, "_spend", fake.spend)
        return fake

    return install


def test_each_side_has_the_mean_of_its_own_cores(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake = fake_cores({0: 100, 1: 200, 2: 300, 3: 500})
    seconds = iter([10.0, 11.5])
    reading = SpeedMeter(lambda: next(seconds)).read((0, 1), (2, 3))
    assert (reading.at, reading.target_ns, reading.client_ns) == (1.5, 150, 400)
    assert fake.now == OWN


def test_a_core_that_both_sides_share_is_measured_once(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake = fake_cores({0: 100})
    reading = SpeedMeter().read([0], [0])
    assert (reading.target_ns, reading.client_ns) == (100, 100)
    assert fake.used == [0]


def test_a_side_on_another_machine_has_no_speed(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake_cores({0: 100})
    meter = SpeedMeter()
    assert meter.read((), (0,)).target_ns is None
    so_far = meter.so_far()
    assert so_far is not None
    assert (so_far.target_ns, so_far.client_ns) == (None, 100)


def test_each_rig_may_have_cores_of_its_own(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake_cores({0: 100, 1: 300})
    meter = SpeedMeter()
    readings = [meter.read((), (0,)), meter.read((1,), (0,))]
    assert [(reading.target_ns, reading.client_ns) for reading in readings] == [(None, 100), (300, 100)]


def test_cores_that_may_not_be_used_are_left_out(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake = fake_cores({0: 100, 1: 200})
    assert measure_core_speeds({1, 9}) == 200
    assert measure_core_speeds({9}) is None
    assert measure_core_speeds(()) is None
    assert fake.now == OWN


def test_of_many_cores_a_few_are_measured_from_the_first_to_the_last(
    fake_cores: Callable[[dict[int, int]], FakeCores],
) -> None:
    fake = fake_cores(dict.fromkeys(range(128), 100))
    measure_core_speeds(range(64, 128))
    assert fake.used == [64, 85, 106, 127]
    assert len(fake.used) == MOST_CORES


def test_own_cores_are_restored_when_a_reading_is_broken_off(
    fake_cores: Callable[[dict[int, int]], FakeCores],
) -> None:
    fake = fake_cores({0: 100, 1: 200})
    fake.fails_at = 1
    with pytest.raises(KeyboardInterrupt):
        measure_core_speeds({0, 1})
    assert fake.now == OWN


def test_the_run_has_the_median_of_its_readings(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake = fake_cores({0: 100, 1: 1000})
    meter = SpeedMeter()
    assert meter.so_far() is None
    for target_ns in (100, 160, 110):
        fake.ns_by_core[0] = target_ns
        meter.read((0,), (1,))
    so_far = meter.so_far()
    assert so_far is not None
    assert [reading.target_ns for reading in so_far.readings] == [100, 160, 110]
    assert (so_far.target_ns, so_far.client_ns) == (110, 1000)
    assert so_far.relative(so_far.readings[1]).target == pytest.approx(110 / 160)


def test_a_watch_has_a_median_for_each_fifth_of_a_second(fake_cores: Callable[[dict[int, int]], FakeCores]) -> None:
    fake_cores({0: 100, 1: 300})
    seconds = itertools.count(0, 0.06)
    watched = watch_speed((0,), (1,), 1.0, now=lambda: next(seconds))
    assert [(reading.target_ns, reading.client_ns) for reading in watched.readings] == [(100, 300)] * 4
    assert [round(reading.at, 2) for reading in watched.readings] == [0.06, 0.36, 0.66, 0.96]


def test_the_change_of_a_side_is_that_from_its_fastest_to_its_slowest_reading() -> None:
    readings = [SpeedReading(at=0, target_ns=ns) for ns in (100, 125, 110)]
    assert MachineSpeed(readings=readings).change("target") == pytest.approx(0.2)
    assert MachineSpeed(readings=readings).change("client") is None
    assert MachineSpeed(readings=readings[:1]).change("target") is None


def test_a_single_one_of_many_readings_is_no_change() -> None:
    readings = [SpeedReading(at=0, client_ns=ns) for ns in [100] * 9 + [200]]
    assert MachineSpeed(readings=readings).change("client") == 0


def test_this_machine_has_a_speed_and_the_thread_keeps_its_cores() -> None:
    own = os.sched_getaffinity(0)
    spent_ns = measure_core_speeds(own)
    assert spent_ns is not None
    assert spent_ns > 100_000  # no machine does the arithmetic in less
    assert os.sched_getaffinity(0) == own
