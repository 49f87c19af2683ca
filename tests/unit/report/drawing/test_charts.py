import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from loadlab.report.drawing.charts import describe_marks, draw_chart
from loadlab.report.layout import Arrangement, arrange
from loadlab.report.measures import CPU_SYSTEM, CPU_USER, RESPONSE_P99, THROUGHPUT, Measure
from loadlab.report.panels import Chart, Line, Panel, Point, Value, panel_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict


def drawn(arrangement: Arrangement, *measures: Measure) -> list[dict[str, Any]]:
    """Each figure as the page's script will see it."""
    chart = Chart("any", "Any", tuple(panel_of(arrangement, measure) for measure in measures))
    return [json.loads(figure.to_json()) for figure in draw_chart(arrangement, chart)]


def measured(rate: float, **changes: object) -> TrialResult:
    """A trial without factors, for `over_idle`."""
    fields = {"id": "", "repeat": 1, "factors": {}, "state": "done", "verdict": Verdict(state="valid")}
    return TrialResult.model_validate(fields | {"requests_per_second": rate} | changes)


def over_idle(
    trials: Mapping[int, Sequence[TrialResult]], spoiled: Mapping[int, Sequence[TrialResult]] | None = None
) -> Arrangement:
    """One line over numbers of idle connections, with the repeats at each, and the attempts that were spoiled."""

    def placed(at: Mapping[int, Sequence[TrialResult]]) -> list[TrialResult]:
        return [
            trial.model_copy(update={"id": f"{idle}-{number}", "factors": {"load.idle": idle}, "repeat": number})
            for idle, repeats in at.items()
            for number, trial in enumerate(repeats, start=1)
        ]

    return arrange({"sweep": {"load.idle": [*trials]}}, placed(trials), placed(spoiled or {}))


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


def test_repeats_that_are_too_few_for_an_interval_have_whiskers_and_one_alone_has_none() -> None:
    [figure] = drawn(over_idle({0: [measured(90.0), measured(130.0)], 1000: [measured(50.0)]}), THROUGHPUT)
    whiskers = figure["data"][0]["error_y"]
    assert (whiskers["visible"], whiskers["array"], whiskers["arrayminus"]) == (True, [20.0, 0.0], [20.0, 0.0])
    [alone] = drawn(over_idle({0: [measured(90.0)], 1000: [measured(50.0)]}), THROUGHPUT)
    assert alone["data"][0]["error_y"]["visible"] is False


def test_intervals_are_a_band_below_the_line_and_take_the_place_of_whiskers() -> None:
    known = {"confidence": {"requests_per_second": (80.0, 110.0)}}
    arrangement = over_idle({0: [measured(90.0, **known)], 1000: [measured(100.0, **known)], 5000: [measured(99.0)]})
    [figure] = drawn(arrangement, THROUGHPUT)
    band, line = figure["data"]
    assert (band["mode"], band["fill"], band["meta"]) == ("none", "toself", {"line": 0, "colour": 0, "kind": "band"})
    assert [*zip(band["x"], band["y"], strict=True)] == [(0, 110), (1000, 110), (1000, 80), (0, 80)]
    assert line["error_y"]["visible"] is False
    assert line["hovertext"][0].endswith("<br>95 %: 80 to 110")


def test_the_y_axis_reaches_the_ends_of_intervals() -> None:
    [figure] = drawn(
        over_idle({0: [measured(90.0, confidence={"requests_per_second": (80.0, 400.0)})], 9: []}), THROUGHPUT
    )
    assert figure["layout"]["yaxis"]["range"][1] > 400


def test_a_band_ends_at_the_end_of_a_logarithmic_axis() -> None:
    known = {"confidence": {"requests_per_second": (0.0, 900.0)}}
    [figure] = drawn(
        over_idle({0: [measured(90_000.0)], 10: [measured(90.0, **known)], 20: [measured(80.0, **known)]}), THROUGHPUT
    )
    band, _line = figure["data"]
    axis = figure["layout"]["yaxis"]
    assert axis["type"] == "log"
    assert 1 < axis["range"][0] < 2, "the axis reaches down to nothing"
    assert min(band["y"]) == pytest.approx(10 ** axis["range"][0])


def test_suspect_points_are_hollow_and_named() -> None:
    finding = Finding(code="machine_speed", severity="suspect", text="", evidence="", advice="")
    doubtful = measured(50.0, verdict=Verdict(state="suspect", findings=[finding]))
    [figure] = drawn(over_idle({0: [measured(90.0)], 1000: [doubtful]}), THROUGHPUT)
    [line] = figure["data"]
    assert line["meta"]["hollow"] == [False, True]
    assert line["hovertext"][1].endswith("<br>suspect: machine speed")


def test_spoiled_attempts_are_faint_points_beside_the_line() -> None:
    [figure] = drawn(over_idle({0: [measured(90.0)], 1000: [measured(50.0)]}, {1000: [measured(20.0)]}), THROUGHPUT)
    _line, spoiled = figure["data"]
    assert (spoiled["x"], spoiled["y"], spoiled["meta"]["kind"]) == ([1000.0], [20.0], "spoiled")
    assert spoiled["opacity"] < 1
    assert spoiled["hovertext"] == ["20 requests/s<br>1,000 idle connections<br>spoiled by the machine, measured again"]


def test_a_lower_bound_has_an_arrow_and_says_so(open_load: RunDocument) -> None:
    [figure] = drawn(arrange(open_load.profile, open_load.trials), THROUGHPUT)
    epoll, asyncio = figure["data"]
    assert (epoll["mode"], asyncio["mode"]) == ("lines+markers", "lines+markers+text")
    assert asyncio["text"] == ["", "", "", "↑"]
    assert asyncio["hovertext"][3].startswith("<b>asyncio</b><br>at least 16,666 requests/s<br>")


def test_marks_are_explained_where_they_occur() -> None:
    def explained(*points: Point) -> str:
        chart = Chart("response", "", (Panel(RESPONSE_P99, (Line(0, "", points),)),))
        return " ".join(describe_marks(Arrangement("load.idle", tuple(point.x for point in points), ("",), ()), chart))

    one = Value(1, 1, 1)
    assert explained(Point(0, one), Point(10, one)) == ""
    assert "0 set apart" in explained(Point(0, one), Point(10, one), Point(10_000, one))
    assert explained(Point(0, Value(2, 1, 3, repeats=3))).startswith("Points are medians of up to 3 repeats")
    assert explained(Point(0, Value(2, 2, 2, interval=(1, 3)))) == "Bands are 95 % intervals."
    assert explained(Point(0, Value(1, 1, 1, at_least=True))).startswith("An arrow marks a lower bound")
    assert explained(Point(0, Value(1, 1, 1, doubts=("stolen",)))).startswith("Hollow points are suspect (stolen);")
    assert explained(Point(0, one, spoiled=(2.0,))).startswith("Faint crosses are attempts that the machine spoiled")
    assert explained(Point(0, too_few=True)) == (
        "A percentile is left out where fewer than 10 samples lie beyond it, or the window was too short for it."
    )
