"""Real switches of every kind."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.micro.messages import MicroFigures, SwitchCostPart, Unit
from loadlab.micro.worker import measure

COUNTS = {
    Unit.CALL: 10_000,
    Unit.GENERATOR: 10_000,
    Unit.BARE_COROUTINE: 10_000,
    Unit.COROUTINE: 10_000,
    Unit.THREAD: 100,
    Unit.PROCESS: 10,
}


def children() -> set[str]:
    """The processes that this one has started and not yet waited for; a fixture of the session may have some."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    descriptors, threads, cores = os.listdir("/proc/self/fd"), threading.active_count(), os.sched_getaffinity(0)
    before = children()
    yield
    assert os.listdir("/proc/self/fd") == descriptors
    assert threading.active_count() == threads
    assert os.sched_getaffinity(0) == cores
    assert children() == before


def measure_apart(unit: Unit) -> MicroFigures:
    """Measure in a process of its own, as a run does: in this one, units may find room in memory freed before them."""
    part = SwitchCostPart(unit=unit, count=COUNTS[unit]).model_dump_json()
    command = [sys.executable, "-m", "loadlab.micro.worker"]
    ended = subprocess.run(command, input=part + "\n", capture_output=True, text=True, check=True, timeout=60)
    return MicroFigures.model_validate_json(ended.stdout)


@pytest.mark.parametrize("unit", Unit)
def test_measuring_leaves_nothing_behind(unit: Unit) -> None:
    assert measure(SwitchCostPart(unit=unit, count=COUNTS[unit])).cost_ns > 0


@pytest.mark.parametrize("unit", Unit)
def test_a_switch_takes_time_and_a_unit_memory(unit: Unit) -> None:
    figures = measure_apart(unit)
    assert 0 < figures.cost_ns_min <= figures.cost_ns
    assert 0 < figures.overhead_ns < figures.cost_ns
    assert figures.bytes_per_unit is not None
    assert figures.bytes_per_unit > 0
    assert figures.repeats == 25
    assert (figures.descriptors, figures.operation_ns, figures.run_ns) == (None, None, None)


def test_the_kernel_switches_dearer_than_a_generator_and_in_whole_pages() -> None:
    """Measured more than a hundred times the time and fifty times the memory."""
    generator, thread, process = map(measure_apart, (Unit.GENERATOR, Unit.THREAD, Unit.PROCESS))
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    for dear in (thread, process):
        assert dear.cost_ns > 3 * generator.cost_ns
        assert dear.bytes_per_unit is not None
        assert dear.bytes_per_unit > page_bytes
    assert generator.bytes_per_unit is not None
    assert generator.bytes_per_unit < page_bytes
