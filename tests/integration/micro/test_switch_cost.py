"""Real switches of every kind."""

import os
import threading
from collections.abc import Iterator

import pytest

from loadlab.micro.messages import SwitchCostPart, Unit
from loadlab.micro.switch_cost import measure_switch_cost

COUNTS = {
    Unit.CALL: 10_000,
    Unit.GENERATOR: 10_000,
    Unit.BARE_COROUTINE: 10_000,
    Unit.COROUTINE: 10_000,
    Unit.THREAD: 100,
    Unit.PROCESS: 10,
}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    descriptors, threads, cores = os.listdir("/proc/self/fd"), threading.active_count(), os.sched_getaffinity(0)
    yield
    assert os.listdir("/proc/self/fd") == descriptors
    assert threading.active_count() == threads
    assert os.sched_getaffinity(0) == cores
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("unit", Unit)
def test_a_switch_takes_time_and_a_unit_memory(unit: Unit) -> None:
    figures = measure_switch_cost(SwitchCostPart(unit=unit, count=COUNTS[unit]))
    assert 0 < figures.cost_ns_min <= figures.cost_ns
    assert 0 < figures.overhead_ns < figures.cost_ns
    assert figures.bytes_per_unit is not None
    assert figures.bytes_per_unit > 0
    assert figures.repeats == 25
    assert (figures.descriptors, figures.operation_ns, figures.run_ns) == (None, None, None)


def test_the_kernel_switches_dearer_than_a_generator_and_in_whole_pages() -> None:
    """Measured more than a hundred times the time and fifty times the memory."""
    generator, thread, process = (
        measure_switch_cost(SwitchCostPart(unit=unit, count=COUNTS[unit]))
        for unit in (Unit.GENERATOR, Unit.THREAD, Unit.PROCESS)
    )
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    for dear in (thread, process):
        assert dear.cost_ns > 3 * generator.cost_ns
        assert dear.bytes_per_unit is not None
        assert dear.bytes_per_unit > page_bytes
    assert generator.bytes_per_unit is not None
    assert generator.bytes_per_unit < page_bytes
