import json

import pytest

from loadlab.report.curves import BandPoint, Curve, CurvePanel, CurvePoint
from loadlab.report.drawing.curves import draw_curves

POINTS = (CurvePoint(0.0, 500_000), CurvePoint(90.0, 1_000_000), CurvePoint(99.0, 2_000_000))


def test_curves_are_traces_in_their_order_with_the_chosen_ones_visible() -> None:
    curves = (
        Curve(number=0, line=0, x=0, name="epoll at 0", weight="thin", points=POINTS, chosen=True),
        Curve(number=1, line=0, x=9, name="epoll at 9", weight="bold", points=POINTS, chosen=False),
    )
    later = Curve(0, 0, 0, "epoll at 0", "thin", (CurvePoint(50.0, 9_000_000),), chosen=True)
    panels = [CurvePanel("Service time", curves), CurvePanel("Response time", (later,), "connections")]
    figure, other = (json.loads(drawing.to_json()) for drawing in draw_curves(panels))
    assert figure["layout"]["yaxis"] == other["layout"]["yaxis"]
    assert [(trace["visible"], trace["meta"]["curve"]) for trace in figure["data"]] == [(True, 0), (False, 1)]
    thin, bold = (trace["line"]["width"] for trace in figure["data"])
    assert thin < bold
    assert figure["data"][0]["x"] == pytest.approx([1, 10, 100])
    assert figure["data"][0]["hovertext"][1] == "<b>epoll at 0</b><br>90 % within 1 ms"
    assert figure["layout"]["xaxis"]["range"] == pytest.approx([0, 2])
    titles = [each["layout"]["xaxis"]["title"]["text"] for each in (figure, other)]
    assert titles == ["of all requests", "of all connections"]


def test_a_line_keeps_its_dash_and_its_colour_at_every_x() -> None:
    curves = [
        curve
        for line in (2, 10)
        for curve in (
            Curve(line, line, 0, f"server {line} at 0", "thin", POINTS, chosen=True),
            Curve(line + 1, line, 9, f"server {line} at 9", "bold", POINTS, chosen=True),
        )
    ]
    [figure] = draw_curves([CurvePanel("Response time", tuple(curves))])
    looks = [(trace.meta["colour"], trace.line.dash) for trace in figure.data]
    assert looks == [(2, "solid"), (2, "solid"), (2, "dash"), (2, "dash")]


def test_a_band_lies_below_all_curves_and_comes_and_goes_with_its_own() -> None:
    band = (BandPoint(0.0, 400_000, 600_000), BandPoint(90.0, 900_000, 1_200_000))
    curves = (Curve(0, 0, 0, "a", "bold", POINTS, chosen=True), Curve(1, 1, 0, "b", "bold", POINTS, False, band))
    [figure] = draw_curves([CurvePanel("Response time", curves)])
    below, *_ = figure.data
    assert (below.meta["kind"], below.meta["curve"], below.visible) == ("band", 1, False)
    assert [*zip(below.x, below.y, strict=True)] == [
        (pytest.approx(1), 600_000),
        (pytest.approx(10), 1_200_000),
        (pytest.approx(10), 900_000),
        (pytest.approx(1), 400_000),
    ]


def test_a_setting_without_points_leaves_the_panel_as_it_is() -> None:
    curves = (Curve(0, 0, 0, "a", "bold", (), chosen=True), Curve(1, 1, 0, "b", "bold", POINTS, chosen=True))
    [figure] = draw_curves([CurvePanel("Time to connect", curves)])
    assert [len(trace.x) for trace in figure.data] == [0, 3]
