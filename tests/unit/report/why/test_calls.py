import pytest

from loadlab.report.arrangement import arrange
from loadlab.report.figures import draw_calls
from loadlab.report.why import CallsChart, calls_of
from loadlab.results.directory import RunDirectory
from loadlab.results.model import Probes, SyscallsProbe


def chart_of(run: RunDirectory) -> CallsChart | None:
    document = run.read_document()
    return calls_of(arrange(document.profile, document.trials))


def test_a_panel_for_each_line_with_the_same_kinds_from_the_most_frequent_on(probed_run: RunDirectory) -> None:
    chart = chart_of(probed_run)
    assert chart is not None
    assert set(chart.kinds[:2]) == {"recvfrom", "sendto"}
    assert set(chart.kinds[2:4]) == {"epoll_wait", "pselect6"}
    assert [panel.name for panel in chart.panels] == ["select", "epoll"]
    select, epoll = chart.panels
    assert select.heights[chart.kinds.index("pselect6")] == (0.1, 0.1, 0.1, 0.1, None)
    assert epoll.heights[chart.kinds.index("pselect6")] == (0.0,) * 5
    assert select.totals == pytest.approx([2.1] * 4)


def test_rare_kinds_are_drawn_as_others(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    probe = SyscallsProbe(calls_per_request={f"call{number}": 9.0 - number for number in range(9)})
    trial = next(trial for trial in document.trials if trial.state == "done")
    trial = trial.model_copy(update={"probes": Probes(syscalls=probe)})
    chart = calls_of(arrange(document.profile, [trial]))
    assert chart is not None
    assert chart.kinds == ("call0", "call1", "call2", "call3", "call4", "others")
    assert chart.panels[0].heights[-1] == (4.0 + 3.0 + 2.0 + 1.0,)


def test_nothing_was_counted(sample_run: RunDirectory) -> None:
    assert chart_of(sample_run) is None


def test_the_bars_are_stacked_on_one_scale(probed_run: RunDirectory) -> None:
    document = probed_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    chart = calls_of(arrangement)
    assert chart is not None
    figures = draw_calls(arrangement, chart)
    assert [figure.layout.barmode for figure in figures] == ["stack", "stack"]
    assert figures[0].layout.yaxis.range == figures[1].layout.yaxis.range
    assert [trace.name for trace in figures[0].data] == list(chart.kinds)
    assert figures[0].layout.xaxis.ticktext == ("0", "1,000", "5,000", "10,000", "19,000")
