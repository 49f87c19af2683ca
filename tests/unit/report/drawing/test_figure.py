from loadlab.report.drawing.figure import COLOURS, mark_of


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
