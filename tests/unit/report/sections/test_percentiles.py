import json

import pytest

from loadlab.analysis.verdict import SAMPLES_BEYOND
from loadlab.recording.histogram import Histogram
from loadlab.report.layout import arrange
from loadlab.report.sections.percentiles import Curve, CurvePanel, CurvePoint, curves_of, draw_curves
from loadlab.results.directory import RunDirectory
from loadlab.results.model import LatencySummary, TrialResult, Verdict


def test_the_ends_of_each_line_are_chosen(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    [panel], sentence = curves_of(arrange(document.profile, document.trials), sample_run.read_latencies)
    curves = panel.curves
    assert panel.title == "Response time"
    assert [curve.number for curve in curves] == list(range(12))
    assert [(curve.line, curve.x, curve.stroke) for curve in curves if curve.chosen] == [
        (0, 0, "dot"),
        (0, 10_000, "dash"),
        (1, 0, "dot"),
        (1, 5000, "dash"),
        (2, 0, "dot"),
        (2, 19_000, "solid"),
    ]
    assert "epoll at 19,000 idle connections 7" in sentence


def trials(number: int) -> list[TrialResult]:
    return [
        TrialResult(id=f"{repeat:03}", repeat=repeat, factors={}, state="done", verdict=Verdict(state="valid"))
        for repeat in range(1, number + 1)
    ]


def test_a_curve_ends_where_too_few_samples_lie_beyond() -> None:
    histogram = Histogram()
    histogram.fold(range(1_000, 1_001_000, 1_000))
    [panel], _ = curves_of(arrange({}, trials(1)), lambda _: {"response": histogram})
    [curve] = panel.curves
    assert 98 < curve.points[-1].percentile <= 100 * (1 - SAMPLES_BEYOND / 1000)
    times = [point.time_ns for point in curve.points]
    assert times == sorted(times)


def too_low_from(percentile: str) -> list[TrialResult]:
    return [each.model_copy(update={"response_ns": LatencySummary(too_low=[percentile])}) for each in trials(1)]


def test_a_curve_ends_where_it_is_too_low() -> None:
    histogram = Histogram()
    histogram.fold(range(1_000, 5_001_000, 1_000))
    [panel], sentence = curves_of(arrange({}, too_low_from("p90")), lambda _: {"response": histogram})
    assert 87 < panel.curves[0].points[-1].percentile < 90
    assert sentence.endswith("(the window was too short for p99).")
    assert curves_of(arrange({}, too_low_from("p50")), lambda _: {"response": histogram}) == ((), "")


def test_repeats_are_merged_into_one_curve() -> None:
    fast, slow = Histogram(), Histogram()
    fast.fold([1_000_000] * 600)
    slow.fold([9_000_000] * 400)
    of_trial = {"001": fast, "002": slow}
    [panel], sentence = curves_of(arrange({}, trials(2)), lambda trial_id: {"response": of_trial[trial_id]})
    assert sentence == ("Median and p99: the target 1 ms and 9 ms.")
    assert panel.curves[0].points[-1].time_ns > 8_900_000


def test_what_too_few_samples_lie_beyond_is_not_told() -> None:
    histogram = Histogram()
    histogram.fold([1_000_000] * 900)
    _, sentence = curves_of(arrange({}, trials(1)), lambda _: {"response": histogram})
    assert sentence.endswith("the target 1 ms (too few requests for p99).")


def test_no_curve_without_samples() -> None:
    few = Histogram()
    few.fold([1000] * (2 * SAMPLES_BEYOND - 1))
    assert curves_of(arrange({}, trials(1)), lambda _: {}) == ((), "")
    assert curves_of(arrange({}, trials(1)), lambda _: {"response": few}) == ((), "")


def test_of_many_lines_only_the_far_ends_are_chosen_and_two_are_told(crowd_run: RunDirectory) -> None:
    document = crowd_run.read_document()
    [panel], sentence = curves_of(arrange(document.profile, document.trials), crowd_run.read_latencies)
    chosen = [(curve.name, curve.stroke) for curve in panel.curves if curve.chosen]
    assert len(chosen) == 12
    assert chosen[0] == ("fork at 1,000 idle connections", "dash")
    assert chosen[-1] == ("nginx at 19,000 idle connections", "solid")
    assert "nginx at 19,000" in sentence
    assert "select at 19,000" in sentence
    assert "epoll at" not in sentence


def test_an_open_load_has_service_times_beside_for_the_same_settings(open_run: RunDirectory) -> None:
    document = open_run.read_document()
    panels, _ = curves_of(arrange(document.profile, document.trials), open_run.read_latencies)
    response, service = panels
    assert (response.title, service.title) == ("Response time", "Service time")
    assert [(curve.number, curve.name, curve.chosen) for curve in response.curves] == [
        (curve.number, curve.name, curve.chosen) for curve in service.curves
    ]
    # Overloaded, a request waits for most of the window before it is sent.
    assert response.curves[-1].points[-1].time_ns > 1000 * service.curves[-1].points[-1].time_ns


def test_curves_are_traces_in_their_order_with_the_chosen_ones_visible() -> None:
    points = (CurvePoint(0.0, 500_000), CurvePoint(90.0, 1_000_000), CurvePoint(99.0, 2_000_000))
    curves = [
        Curve(number=0, line=0, x=0, name="epoll at 0", stroke="dot", points=points, chosen=True),
        Curve(number=1, line=0, x=9, name="epoll at 9", stroke="solid", points=points, chosen=False),
    ]
    later = Curve(0, 0, 0, "epoll at 0", "dot", (CurvePoint(50.0, 9_000_000),), chosen=True)
    panels = [CurvePanel("Service time", tuple(curves)), CurvePanel("Response time", (later,))]
    figure, other = (json.loads(drawing.to_json()) for drawing in draw_curves(panels))
    assert figure["layout"]["yaxis"] == other["layout"]["yaxis"]
    assert [(trace["visible"], trace["line"]["dash"]) for trace in figure["data"]] == [(True, "dot"), (False, "solid")]
    assert figure["data"][0]["x"] == pytest.approx([1, 10, 100])
    assert figure["data"][0]["hovertext"][1] == "<b>epoll at 0</b><br>90 % within 1 ms"
    assert figure["layout"]["xaxis"]["range"] == pytest.approx([0, 2])


def test_on_an_axis_of_names_each_place_is_named() -> None:
    histograms = {}
    for number, name in enumerate(("epoll", "poll"), start=1):
        histograms[name] = Histogram()
        histograms[name].fold([number * 1_000_000] * 2_000)
    each = [
        TrialResult(id=name, repeat=1, factors={"target.server": name}, state="done", verdict=Verdict(state="valid"))
        for name in histograms
    ]
    _, sentence = curves_of(arrange({}, each), lambda trial: {"response": histograms[trial]})
    assert sentence == "Median and p99: epoll 1 ms and 1 ms; poll 2 ms and 2 ms."


def test_times_to_connect_have_panels_of_their_own_where_many_connections_were_opened() -> None:
    response, connect, few = Histogram(), Histogram(), Histogram()
    response.fold([5_000_000] * 1000)
    connect.fold(range(30_000, 530_000, 1_000))
    few.fold([30_000] * (2 * SAMPLES_BEYOND - 1))
    times = {"response": response, "connect": connect, "handshake": few}
    panels, _ = curves_of(arrange({}, trials(1)), lambda _: times)
    assert [(panel.title, panel.counted) for panel in panels] == [
        ("Response time", "requests"),
        ("Time to connect", "connections"),
    ]
    # They do not end where response times are too low.
    panels, _ = curves_of(arrange({}, too_low_from("p90")), lambda _: times)
    assert panels[1].curves[0].points[-1].percentile > 97
    titles = [figure.layout.xaxis.title.text for figure in draw_curves(panels)]
    assert titles == ["of all requests", "of all connections"]


def test_a_setting_that_opened_no_connections_has_an_empty_curve_beside_others() -> None:
    response, connect = Histogram(), Histogram()
    response.fold([5_000_000] * 1000)
    connect.fold([30_000] * 500)
    of_trial = {"001": {"response": response}, "002": {"response": response, "connect": connect}}
    both = [trial.model_copy(update={"factors": {"load.connections": int(trial.id)}}) for trial in trials(2)]
    profile = {"sweep": {"load.connections": [1, 2]}, "plot": {"x": "load.connections"}}
    [_, setup], _ = curves_of(arrange(profile, both), of_trial.__getitem__)
    assert [bool(curve.points) for curve in setup.curves] == [False, True]
    assert len(draw_curves([setup])) == 1
