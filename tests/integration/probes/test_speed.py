"""The speed of this machine's cores is theirs, whatever runs beside the arithmetic."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from loadlab.probes.speed import measure_core_speeds

BURN = "while True: pass"
# Beside two busy processes the arithmetic takes three times as long by the clock; a machine's speed moves by less.
MOST = 1.7


@pytest.fixture
def burn() -> Iterator[Callable[[int], None]]:
    """Start a process that keeps a core busy until the test ends."""
    with ExitStack() as standing:

        def start(core: int) -> None:
            burning = standing.enter_context(subprocess.Popen([sys.executable, "-c", BURN]))
            standing.callback(burning.kill)
            os.sched_setaffinity(burning.pid, {core})

        yield start


def median_ns(core: int) -> float:
    return statistics.median(measure_core_speeds({core}) or 0 for _ in range(9))


def test_other_processes_on_the_core_add_nothing(burn: Callable[[int], None]) -> None:
    core = min(os.sched_getaffinity(0))
    alone_ns = median_ns(core)
    burn(core)
    burn(core)
    assert 1 / MOST < median_ns(core) / alone_ns < MOST


def test_a_core_outside_of_our_own_is_measured_too() -> None:
    own = os.sched_getaffinity(0)
    if len(own) < 2:
        pytest.skip("there is a single core")
    first, *_, last = sorted(own)
    os.sched_setaffinity(0, {first})
    try:
        assert measure_core_speeds({last}) is not None
        assert os.sched_getaffinity(0) == {first}
    finally:
        os.sched_setaffinity(0, own)


def test_a_core_that_does_not_exist_has_no_speed() -> None:
    assert measure_core_speeds({1_000_000}) is None
