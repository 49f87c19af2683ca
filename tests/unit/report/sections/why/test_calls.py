import pytest

from loadlab.report.layout import arrange
from loadlab.report.panels import StackedChart, stack
from loadlab.report.sections.why.calls import describe_eagain, split_of_calls
from loadlab.results.directory import RunDirectory
from loadlab.results.probe_data import Probes, SyscallsProbe


def chart_of(run: RunDirectory) -> StackedChart | None:
    document = run.read_document()
    arrangement = arrange(document.profile, document.trials)
    split = split_of_calls(arrangement)
    return stack(arrangement, split) if split else None


def test_a_panel_for_each_line_with_the_same_kinds_from_the_most_frequent_on(probed_run: RunDirectory) -> None:
    chart = chart_of(probed_run)
    assert chart is not None
    assert set(chart.parts[:2]) == {"recvfrom", "sendto"}
    assert set(chart.parts[2:4]) == {"epoll_wait", "pselect6"}
    assert [panel.name for panel in chart.panels] == ["select", "epoll"]
    select, epoll = chart.panels
    assert select.heights[chart.parts.index("pselect6")] == (0.1, 0.1, 0.1, 0.1, None)
    assert epoll.heights[chart.parts.index("pselect6")] == (0.0,) * 5
    assert select.totals == pytest.approx([2.1] * 4)


def test_rare_kinds_are_drawn_as_others(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    probe = SyscallsProbe(calls_per_request={f"call{number}": 9.0 - number for number in range(9)})
    trial = next(trial for trial in document.trials if trial.state == "done")
    trial = trial.model_copy(update={"probes": Probes(syscalls=probe)})
    arrangement = arrange(document.profile, [trial])
    split = split_of_calls(arrangement)
    assert split is not None
    chart = stack(arrangement, split)
    assert chart is not None
    assert chart.parts == ("call0", "call1", "call2", "call3", "call4", "others")
    assert chart.panels[0].heights[-1] == (4.0 + 3.0 + 2.0 + 1.0,)


def test_nothing_was_counted(sample_run: RunDirectory) -> None:
    assert chart_of(sample_run) is None


def test_eagain_is_reported_where_there_is_any(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    done = [trial for trial in document.trials if trial.state == "done"]
    per_request = {"select": 0.001, "epoll": 0.97}
    trials = [
        trial.model_copy(
            update={"probes": Probes(syscalls=SyscallsProbe(eagain_per_request=per_request[server]))},
        )
        for trial in done
        if (server := str(trial.factors["target.server"])) in per_request
    ]
    assert (
        describe_eagain(arrange(document.profile, trials))
        == "Calls that returned EAGAIN, at most, per request: epoll 0.97."
    )
    assert describe_eagain(arrange(document.profile, done)) == ""
