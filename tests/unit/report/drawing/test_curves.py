import json
from typing import Any

import pytest

from loadlab.report.drawing.curves import draw_curves, draw_distributions
from loadlab.report.measures import NUMBER, TIME, Quantity
from loadlab.report.sections.percentiles import Curve, CurvePanel, CurvePoint
from loadlab.report.sections.why.distributions import Bin, Distribution, DistributionPanel


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


def panel(title: str, quantity: Quantity, *bins: tuple[float, float, float]) -> DistributionPanel:
    """With the same values at both ends of x."""
    found = tuple(Bin(low, high, share) for low, high, share in bins)
    return DistributionPanel(title, quantity, "calls", (Distribution(0, found), Distribution(1, found)))


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, Any]]:
    """Two times and a number of events, as the page's script will see them."""
    panels = [
        panel("Time in poll", TIME, (4096, 8192, 0.75), (8192, 16384, 0.0), (16384, 32768, 0.25)),
        panel("Events", NUMBER, (0.5, 1, 0.25), (1, 2, 0.0), (2, 4, 0.75)),
        panel("Time in write", TIME, (1 << 20, 1 << 21, 1.0)),
    ]
    return [json.loads(figure.to_json()) for figure in draw_distributions(panels)]


def test_times_are_drawn_on_one_axis_and_events_on_their_own(drawn: list[dict[str, Any]]) -> None:
    poll, events, write = (figure["layout"]["xaxis"] for figure in drawn)
    assert poll == write
    assert len(poll["ticktext"]) <= 4
    assert events["ticktext"] == ["0", "1", "2"]


def test_a_distribution_is_steps_that_begin_and_end_on_the_ground(drawn: list[dict[str, Any]]) -> None:
    before, after = drawn[0]["data"]
    assert before["x"] == [4096, 4096, 8192, 8192, 16384, 16384, 32768, 32768]
    assert before["y"] == [0, 0.75, 0.75, 0, 0, 0.25, 0.25, 0]
    assert (before["meta"]["line"], after["meta"]["line"]) == (0, 1)


def test_a_step_tells_its_share_and_its_bin(drawn: list[dict[str, Any]]) -> None:
    poll, events, _ = (figure["data"][0]["hovertext"] for figure in drawn)
    assert poll[1] == "75\N{NO-BREAK SPACE}% of the calls<br>took 4.1 µs to 8.19 µs"
    assert events[1] == "25\N{NO-BREAK SPACE}% of the calls<br>returned none"
    assert events[5] == "75\N{NO-BREAK SPACE}% of the calls<br>returned 2 to 3"
