"""How often the load workers report within a window, and which processes are shown of it."""

from unittest.mock import Mock

import pytest

from loadlab.experiment.window import WindowRecord, interval_of
from loadlab.profile.schema import LoadProfile
from loadlab.results.probe_data import ProcfsProbe

from ...trials import make_usage

MS = 1_000_000
SECOND = 1000 * MS


def test_intervals_are_short_enough_for_progress_and_few_enough_for_long_runs() -> None:
    assert interval_of(300 * MS) == 250 * MS
    assert interval_of(4 * SECOND) == 500 * MS
    assert interval_of(60 * SECOND) == SECOND
    assert interval_of(86_400 * SECOND) == 86_400 * MS


@pytest.mark.parametrize(("seen", "stretches"), [(1, 0), (3, 1)])
def test_of_a_client_on_several_machines_all_processes_are_shown_or_none(seen: int, stretches: int) -> None:
    data = {"name": "x", "target": {"server": "epoll"}, "load": {"connections": 1, "duration": "1s"}}
    record = WindowRecord(LoadProfile.model_validate({**data, "probes": ["procfs"]}))
    probe = ProcfsProbe(target=[make_usage()], client=[make_usage(processes=seen)])
    record.timeline = Mock(processes=lambda: probe)
    record.usage = Mock(machines={"a": Mock()}, client=make_usage(processes=3))
    shown = record.probes().procfs
    assert shown is not None
    assert (len(shown.target), len(shown.client)) == (1, stretches)
    record.usage = Mock(machines={}, client=make_usage(processes=3))
    assert record.probes().procfs == probe
