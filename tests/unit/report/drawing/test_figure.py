import itertools
import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

import loadlab.report
from loadlab.report.drawing.figure import COLOURS, mark_of

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1: what the eye receives of linear RGB.
VISION: Final = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ: Final = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]
WHITE: Final = [0.95047, 1.0, 1.08883]
Colour = NDArray[np.float64]


def linear(colour: str) -> Colour:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(seen: Colour) -> Colour:
    """CIE L*a*b*, in which the distance of two colours is how different they look; 2.3 can just be noticed."""
    x, y, z = np.cbrt(np.array(TO_XYZ) @ seen.clip(0, 1) / np.array(WHITE))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    dark, light = sorted(float(np.array(TO_XYZ[1]) @ linear(each)) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(params=["light", "dark"])
def palette(request: pytest.FixtureRequest) -> tuple[list[str], str]:
    """The colours of lines, and of the page below them."""
    style = (Path(loadlab.report.__file__).parent / "templates/page.css").read_text()
    light, dark = style.split("prefers-color-scheme: dark", 1)
    style = light if request.param == "light" else dark
    return re.findall(r"--line-\d: (#\w{6})", style), re.findall(r"--page: (#\w{6})", style)[0]


def test_colours_can_be_told_apart_with_any_colour_vision(palette: tuple[list[str], str]) -> None:
    colours, _ = palette
    assert len(colours) == COLOURS
    for name, matrix in VISION.items():
        seen = [lab(np.array(matrix) @ linear(colour)) for colour in colours]
        nearest = min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2))
        assert nearest > (35 if name == "normal" else 14), name


def test_lines_can_be_seen_on_the_page(palette: tuple[list[str], str]) -> None:
    colours, page = palette
    assert min(contrast(colour, page) for colour in colours) >= 3, "below what WCAG asks of graphics"


def test_the_first_sixty_four_lines_all_differ_in_colour_or_symbol() -> None:
    marks = [mark_of(line) for line in range(64)]
    assert len({(mark.colour, mark.symbol) for mark in marks}) == 64


def test_lines_of_one_colour_differ_in_their_dash_too() -> None:
    again = [mark_of(line) for line in range(3, 6 * COLOURS, COLOURS)]
    assert {mark.colour for mark in again} == {3}
    assert len({mark.dash for mark in again}) == len({mark.dash_array for mark in again}) == 6


def test_an_outline_stays_within_its_box() -> None:
    for line in range(COLOURS):
        corners = [float(number) for corner in mark_of(line).outline.split() for number in corner.split(",")]
        assert len(corners) >= 6
        assert all(abs(number) <= 5 for number in corners)
