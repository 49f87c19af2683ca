import json

import pytest

from loadlab.report.curves import Curve, CurvePanel, CurvePoint
from loadlab.report.drawing.curves import draw_curves


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
