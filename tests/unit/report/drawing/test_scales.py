import math

import pytest

from loadlab.report.drawing.scales import (
    Scale,
    bar_scale,
    events_scale,
    percentile_position,
    percentile_scale,
    place_names,
    place_numbers,
    span_scale,
    stack_scale,
    value_scale,
)
from loadlab.report.measures import NUMBER, RATE, SIZE, TIME


def texts(scale: Scale) -> list[str]:
    return [tick.text for tick in scale.ticks]


def test_values_near_each_other_stand_on_a_linear_axis_from_zero() -> None:
    scale = value_scale([19_000, 21_000], RATE)
    assert (scale.kind, scale.low) == ("linear", 0)
    assert scale.high > 21_000
    assert texts(scale) == ["0", "5k", "10k", "15k", "20k"]


def test_values_far_apart_stand_on_a_logarithmic_axis() -> None:
    scale = value_scale([800_000, 25_000_000], TIME)
    assert scale.kind == "log"
    assert scale.low < 800_000
    assert scale.high > 25_000_000
    assert texts(scale) == ["1 ms", "2 ms", "5 ms", "10 ms", "20 ms"]


def test_over_many_decades_there_are_fewer_ticks_in_each() -> None:
    scale = value_scale([1e3, 9e9], TIME)
    assert texts(scale) == ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"][: len(scale.ticks)]


def test_sizes_have_powers_of_two_for_round_numbers() -> None:
    assert texts(value_scale([18e6, 26e6], SIZE)) == ["0", "8 MiB", "16 MiB", "24 MiB"]
    far_apart = value_scale([18e6, 800e6], SIZE)
    assert far_apart.kind == "log"
    assert texts(far_apart) == ["16 MiB", "32 MiB", "64 MiB", "128 MiB", "256 MiB", "512 MiB"]
    assert len(value_scale([1.0, 2e12], SIZE).ticks) <= 7


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 0.0]])
def test_an_axis_without_any_positive_value_is_still_an_axis(values: list[float]) -> None:
    scale = value_scale(values, RATE)
    assert scale.low < scale.high


def test_numbers_of_a_like_size_keep_their_distances() -> None:
    places = place_numbers([0, 1000, 5000, 10_000, 19_000])
    assert places.scale.kind == "linear"
    assert places.positions[5000] == 5000
    assert texts(places.scale) == ["0", "5k", "10k", "15k"]


def test_zero_stands_apart_on_a_logarithmic_axis_and_is_labelled_zero() -> None:
    places = place_numbers([0, 10, 100, 1000, 10_000])
    zero_at = places.scale.zero_at
    assert places.scale.kind == "log"
    assert zero_at is not None
    assert places.scale.low < zero_at < 10
    assert places.positions[0] == zero_at
    assert texts(places.scale) == ["0", "10", "100", "1k", "10k"]


@pytest.mark.parametrize("values", [[0], [7], [-5, 5], [0.001, 0.002]])
def test_every_number_lies_within_its_axis(values: list[float]) -> None:
    places = place_numbers(values)
    assert all(places.scale.low <= position <= places.scale.high for position in places.positions.values())


def test_names_stand_side_by_side() -> None:
    places = place_names(["select", None, "epoll"])
    assert places.positions == {"select": 0, None: 1, "epoll": 2}
    assert texts(places.scale) == ["select", "", "epoll"]


def test_each_nine_takes_the_same_width() -> None:
    nines = [math.log10(percentile_position(level)) for level in (0, 90, 99, 99.9)]
    assert nines == pytest.approx([0, 1, 2, 3])
    assert texts(percentile_scale(99.95)) == ["50 %", "90 %", "99 %", "99.9 %"]


def test_bars_with_labels_begin_at_zero_until_most_could_not_be_seen() -> None:
    scale = bar_scale([5e6, 174e6], TIME)
    assert (scale.kind, scale.low) == ("linear", 0.0)
    assert scale.high >= 1.25 * 174e6, "the labels have no room"
    assert bar_scale([61.0, 815_000.0], SIZE).kind == "log"
    assert bar_scale([], SIZE).low < bar_scale([], SIZE).high


def test_a_name_too_long_for_an_axis_is_cut() -> None:
    [tick] = place_names(["uvicorn --workers 1 --host 127.0.0.1 --port 80 app:app"]).scale.ticks
    assert tick.text == "uvicorn --workers 1 --host …"


def test_bars_begin_at_zero_however_far_they_spread() -> None:
    scale = stack_scale([1.0, 1000.0], NUMBER)
    assert (scale.kind, scale.low) == ("linear", 0.0)
    assert scale.high == pytest.approx(1080)
    assert stack_scale([], NUMBER).ticks == ()


def test_the_axis_of_a_small_panel_has_few_ticks() -> None:
    scale = span_scale(1024, 2**24, TIME)
    assert [tick.text for tick in scale.ticks] == ["10 µs", "100 µs", "1 ms", "10 ms"]
    assert (scale.low, scale.high) == (1024, 2**24)


def test_numbers_of_events_stand_at_the_beginning_of_their_bins() -> None:
    assert [tick.text for tick in events_scale(0.5, 8).ticks] == ["0", "1", "2", "4"]
    assert [tick.text for tick in events_scale(1, 2**16).ticks] == ["1", "8", "64", "512", "4.1k", "32.8k"]
