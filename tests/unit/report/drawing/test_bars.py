import json
from typing import Any

from loadlab.report.drawing.bars import draw_bars, draw_stacked
from loadlab.report.layout import Arrangement, arrange, side_by_side
from loadlab.report.measures import (
    BYTES_PER_UNIT,
    CPU_SYSTEM,
    CPU_USER,
    RESPONSE_P50,
    RESPONSE_P99,
    THROUGHPUT,
    Measure,
)
from loadlab.report.panels import Chart, Split, panel_of, stack
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.verdict import Finding, Verdict


def trial(factors: dict[str, Scalar], **fields: object) -> TrialResult:
    given = {"id": str(factors), "repeat": 1, "factors": factors, "state": "done", "verdict": Verdict(state="valid")}
    return TrialResult.model_validate(given | fields)


def of_servers(**rates: float) -> list[TrialResult]:
    return [trial({"target.server": server}, requests_per_second=rate) for server, rate in rates.items()]


def drawn(arrangement: Arrangement, *measures: Measure) -> list[dict[str, Any]]:
    """Each figure as the page's script will see it."""
    chart = Chart("any", "Any", tuple(panel_of(arrangement, measure) for measure in measures))
    return [json.loads(figure.to_json()) for figure in draw_bars(arrangement, chart)]


def test_each_name_has_a_bar_from_zero_in_its_colour_and_its_figure_at_the_end() -> None:
    [figure] = drawn(arrange({}, of_servers(select=640.0, epoll=21_000.0)), THROUGHPUT)
    bars, labels = figure["data"][::2], figure["data"][1::2]
    assert [(bar["type"], bar["orientation"], bar["x"], bar["y"]) for bar in bars] == [
        ("bar", "h", [640.0], [0.0]),
        ("bar", "h", [21_000.0], [1.0]),
    ]
    assert [bar["meta"]["colour"] for bar in bars] == [0, 1]
    assert [(label["text"], label["x"]) for label in labels] == [
        (["\N{NO-BREAK SPACE}640"], [640.0]),
        (["\N{NO-BREAK SPACE}21,000"], [21_000.0]),
    ]
    assert figure["layout"]["yaxis"]["ticktext"] == ["select", "epoll"]
    assert figure["layout"]["yaxis"]["range"] == [1.5, -0.5], "the first name is not at the top"
    assert figure["layout"]["xaxis"]["range"][0] == 0


def test_several_lines_are_bars_beside_each_other_in_each_group() -> None:
    trials = [
        trial({"target.handler": handler, "target.server": server}, requests_per_second=rate)
        for handler, server, rate in (("disk", "epoll", 139.0), ("disk", "thread", 2_849.0), ("sql", "thread", 76.0))
    ]
    sweep = {"target.handler": ["disk", "sql"], "target.server": ["epoll", "thread"]}
    arrangement = arrange({"sweep": sweep, "plot": {"x": "target.handler"}}, trials)
    [figure] = drawn(arrangement, THROUGHPUT)
    epoll, of_epoll, thread, _ = figure["data"]
    assert (epoll["name"], thread["name"]) == ("epoll", "thread")
    assert epoll["x"] == [139.0, None]
    assert of_epoll["text"] == ["\N{NO-BREAK SPACE}139", "\N{NO-BREAK SPACE}\N{EN DASH}"]
    assert [a < b for a, b in zip(epoll["y"], thread["y"], strict=True)] == [True, True]
    assert [round(y) for y in (*epoll["y"], *thread["y"])] == [0, 1, 0, 1]


def test_a_bar_has_its_interval_as_whisker_and_else_its_repeats() -> None:
    known = trial(
        {"target.server": "epoll"}, requests_per_second=90.0, confidence={"requests_per_second": (80.0, 95.0)}
    )
    [figure] = drawn(arrange({}, [known, *of_servers(select=10.0)]), THROUGHPUT)
    whiskers = figure["data"][0]["error_x"]
    assert (whiskers["visible"], whiskers["array"], whiskers["arrayminus"]) == (True, [5.0], [10.0])
    assert figure["data"][1]["x"] == [95.0], "the label stands on the whisker"
    repeats = [known.model_copy(update={"repeat": n, "requests_per_second": n, "confidence": {}}) for n in (1, 4)]
    [figure] = drawn(arrange({}, [*repeats, *of_servers(select=10.0)]), THROUGHPUT)
    assert (figure["data"][0]["error_x"]["array"], figure["data"][0]["error_x"]["arrayminus"]) == ([1.5], [1.5])
    assert figure["data"][2]["error_x"]["visible"] is False


def test_suspect_bars_are_hollow_and_lower_bounds_are_called_so() -> None:
    def doubtful(server: str, code: str) -> TrialResult:
        verdict = Verdict(
            state="suspect", findings=[Finding(code=code, severity="suspect", text="", evidence="", advice="")]
        )
        return trial({"target.server": server}, requests_per_second=9.0, verdict=verdict)

    trials = [doubtful("epoll", "disturbed"), doubtful("node", "client_bound"), *of_servers(select=10.0)]
    [figure] = drawn(arrange({}, trials), THROUGHPUT)
    assert [trace["meta"]["hollow"] for trace in figure["data"][::2]] == [[True], [False], [False]]
    assert figure["data"][3]["text"] == ["\N{NO-BREAK SPACE}at least 9"]


def test_attempts_that_were_spoiled_are_faint_points_on_their_bar() -> None:
    trials = of_servers(select=10.0, epoll=20.0)
    spoiled = trials[0].model_copy(update={"requests_per_second": 4.0})
    [figure] = drawn(arrange({}, trials, [spoiled]), THROUGHPUT)
    [cross] = [trace for trace in figure["data"] if trace["meta"].get("kind") == "spoiled"]
    assert (cross["x"], cross["y"], cross["meta"]["line"]) == ([4.0], [0.0], 0)


def test_what_spans_too_much_for_bars_is_points_on_a_logarithmic_axis() -> None:
    trials = [trial({"switch.unit": unit}, bytes_per_unit=size) for unit, size in (("call", 61.0), ("process", 815e3))]
    [figure] = drawn(arrange({}, trials), BYTES_PER_UNIT)
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert [(trace["type"], trace["mode"]) for trace in figure["data"][::2]] == [("scatter", "markers")] * 2


def test_a_panel_that_could_not_be_seen_on_the_shared_scale_has_its_own() -> None:
    def of(server: str, p50: int, p99: int) -> TrialResult:
        return trial({"target.server": server}, response_ns=LatencySummary(p50=p50, p99=p99, count=10**6))

    far = arrange({}, [of("epoll", 400_000, 174_000_000), of("thread", 500_000, 10_000_000)])
    medians, highest = drawn(far, RESPONSE_P50, RESPONSE_P99)
    assert medians["layout"]["xaxis"]["range"][1] < 1_000_000 < highest["layout"]["xaxis"]["range"][1]
    near = arrange({}, [of("epoll", 400_000, 1_740_000), of("thread", 500_000, 1_000_000)])
    medians, highest = drawn(near, RESPONSE_P50, RESPONSE_P99)
    assert medians["layout"]["xaxis"] == highest["layout"]["xaxis"]


def test_no_text_from_outside_is_markup_to_plotly() -> None:
    [figure] = drawn(arrange({}, of_servers(**{"<a href='x'>&": 90.0, "epoll": 9.0})), THROUGHPUT)
    assert figure["layout"]["yaxis"]["ticktext"][0] == "&lt;a href='x'&gt;&amp;"
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


def test_lines_with_a_single_x_are_bars_below_each_other(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [trial for trial in document.trials if trial.factors["load.idle"] == 0]
    arrangement = side_by_side(arrange(document.profile, trials))
    found = stack(arrangement, Split("CPU", (CPU_USER, CPU_SYSTEM), "per request"))
    assert found is not None
    [figure] = draw_stacked(arrangement, found)
    assert figure.layout.yaxis.ticktext == ("select", "poll", "epoll")
    assert figure.data[0].orientation == "h"
    assert figure.data[0].hovertext[2].endswith("per request<br>epoll")
