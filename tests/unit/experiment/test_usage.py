"""From two readings of the kernel to what was used between them, on readings that the test made."""

import pytest

from loadlab.analysis.verdict import ListenQueueUse
from loadlab.experiment.usage import WindowUsage, total_usage, usage_over
from loadlab.processes.cores import use_between
from loadlab.results.probe_data import Pressure

from .edges import END, START


@pytest.fixture
def usage() -> WindowUsage:
    return usage_over(START, END)


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
