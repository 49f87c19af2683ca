import json
from typing import Any

import pytest

from loadlab.report.drawing.charts import draw_chart, draw_stacked
from loadlab.report.layout import Arrangement, arrange, side_by_side
from loadlab.report.measures import CPU_SYSTEM, CPU_USER, RESPONSE_P99, THROUGHPUT, Measure
from loadlab.report.panels import Chart, Split, panel_of, stack
from loadlab.results.directory import RunDirectory
from loadlab.results.model import LatencySummary, RunDocument, TrialResult, Verdict


def drawn(arrangement: Arrangement, *measures: Measure) -> list[dict[str, Any]]:
    """Each figure as the page's script will see it."""
    chart = Chart("any", "Any", tuple(panel_of(arrangement, measure) for measure in measures))
    return [json.loads(figure.to_json()) for figure in draw_chart(arrangement, chart)]


def repeated(server: str, *rates: float) -> list[TrialResult]:
    return [
        TrialResult(
            id=f"{server}-{number}",
            repeat=number,
            factors={"target.server": server},
            state="done",
            verdict=Verdict(state="valid"),
            requests_per_second=rate,
            response_ns=LatencySummary(p99=1000, count=100_000),
        )
        for number, rate in enumerate(rates, start=1)
    ]


@pytest.fixture
def arrangement(sample_run: RunDirectory) -> Arrangement:
    document = sample_run.read_document()
    return arrange(document.profile, document.trials)


def test_a_trace_for_each_line_with_gaps_left_open(arrangement: Arrangement) -> None:
    [figure] = drawn(arrangement, THROUGHPUT)
    assert [(trace["name"], trace["meta"]["line"]) for trace in figure["data"]] == [
        ("select", 0),
        ("poll", 1),
        ("epoll", 2),
    ]
    assert [value is None for value in figure["data"][1]["y"]] == [False, False, False, True, True]
    assert all(trace["connectgaps"] is False for trace in figure["data"])
    assert figure["layout"]["xaxis"]["ticktext"] == ["0", "5k", "10k", "15k"]


def test_panels_of_a_chart_share_their_axes(arrangement: Arrangement) -> None:
    rates, times = drawn(arrangement, RESPONSE_P99, RESPONSE_P99)
    assert rates["layout"]["yaxis"] == times["layout"]["yaxis"]


def test_a_logarithmic_axis_has_exponents_for_ends_and_values_for_ticks(arrangement: Arrangement) -> None:
    user, _system = drawn(arrangement, CPU_USER, CPU_SYSTEM)
    axis = user["layout"]["yaxis"]
    assert axis["type"] == "log"
    assert axis["range"] == pytest.approx([4, 5.9], abs=0.2)
    assert (axis["tickvals"][0], axis["ticktext"][0]) == (10_000, "10 µs")


def test_names_are_points_without_a_line_between() -> None:
    [figure] = drawn(arrange({}, repeated("select", 640.0) + repeated("epoll", 21_000.0)), THROUGHPUT)
    [trace] = figure["data"]
    assert trace["mode"] == "markers"
    assert trace["y"] == [640.0, 21_000.0]
    assert figure["layout"]["xaxis"]["ticktext"] == ["select", "epoll"]


def test_repeats_have_whiskers_and_one_alone_has_none() -> None:
    [figure] = drawn(arrange({}, repeated("epoll", 90.0, 100.0, 130.0)), THROUGHPUT)
    whiskers = figure["data"][0]["error_y"]
    assert (whiskers["visible"], whiskers["array"], whiskers["arrayminus"]) == (True, [30.0], [10.0])
    [alone] = drawn(arrange({}, repeated("epoll", 90.0)), THROUGHPUT)
    assert alone["data"][0]["error_y"]["visible"] is False


def test_a_lower_bound_is_hollow_and_says_so(open_load: RunDocument) -> None:
    [figure] = drawn(arrange(open_load.profile, open_load.trials), THROUGHPUT)
    epoll, asyncio = figure["data"]
    assert epoll["marker"]["symbol"] == ["circle"] * 4
    assert asyncio["marker"]["symbol"] == ["square", "square", "square", "square-open"]
    assert asyncio["hovertext"][3].startswith("<b>asyncio</b><br>at least 16,666 requests/s<br>")


def test_no_text_from_outside_is_markup_to_plotly() -> None:
    name = "<a href='x'>&"
    [figure] = drawn(arrange({}, repeated(name, 90.0)), THROUGHPUT)
    assert figure["layout"]["xaxis"]["ticktext"] == ["&lt;a href='x'&gt;&amp;"]
    assert "<a" not in json.dumps(figure["data"])


def test_the_bars_are_stacked_from_zero(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    found = stack(arrangement, Split("CPU", (CPU_USER, CPU_SYSTEM), "per request"))
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
    found = stack(arrangement, Split("CPU", (CPU_USER, CPU_SYSTEM), "per request"))
    assert found is not None
    [figure] = draw_stacked(arrangement, found)
    assert figure.layout.xaxis.ticktext == ("select", "poll", "epoll")
    assert figure.data[0].hovertext[2].endswith("per request<br>epoll")
