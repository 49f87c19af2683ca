from loadlab.report.arrangement import arrange, side_by_side
from loadlab.report.drawing.stacked import draw_stacked
from loadlab.report.measures import CPU_SYSTEM, CPU_USER
from loadlab.report.stacked import stack
from loadlab.results.directory import RunDirectory


def test_the_bars_are_stacked_from_zero(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    found = stack(arrangement, "CPU", (CPU_USER, CPU_SYSTEM), "per request")
    assert found is not None
    figures = draw_stacked(arrangement, found)
    assert {figure.layout.barmode for figure in figures} == {"stack"}
    assert {figure.layout.yaxis.range[0] for figure in figures} == {0.0}
    assert [trace.name for trace in figures[0].data] == ["User", "System (kernel)"]
    assert figures[0].layout.xaxis.ticktext == ("0", "1k", "5k", "10k", "19k")
    for figure, panel in zip(figures, found.panels, strict=True):
        assert figure.layout.yaxis.range[1] > max(panel.totals)


def test_lines_with_a_single_x_are_bars_side_by_side(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [trial for trial in document.trials if trial.factors["load.idle"] == 0]
    arrangement = side_by_side(arrange(document.profile, trials))
    found = stack(arrangement, "CPU", (CPU_USER, CPU_SYSTEM), "per request")
    assert found is not None
    [figure] = draw_stacked(arrangement, found)
    assert figure.layout.xaxis.ticktext == ("select", "poll", "epoll")
    assert figure.data[0].hovertext[2].endswith("per request<br>epoll")
