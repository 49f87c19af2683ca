"""The schedule of the open model: how many, when, and divided without a remainder."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.load.schedule import ArrivalProcess, Ramp, arrival_times_ns

MS = 1_000_000
SECOND = 1_000 * MS
RATES = st.integers(0, 5_000)


def first(count: int, ramps: list[Ramp], process: ArrivalProcess = "constant", seed: int = 0) -> list[int]:
    return list(itertools.islice(arrival_times_ns(ramps, process, seed), count))


def within(times: list[int], start_ns: int, end_ns: int) -> int:
    return sum(start_ns <= time < end_ns for time in times)


def test_constant_arrivals_are_evenly_spaced_from_the_start() -> None:
    assert first(4, [Ramp(SECOND, 1000, 1000)]) == [0, MS, 2 * MS, 3 * MS]


def test_a_spacing_that_is_no_whole_number_does_not_drift() -> None:
    times = first(3_000_001, [Ramp(SECOND, 3, 3)])
    assert times[:4] == [0, 333_333_333, 666_666_667, SECOND]
    assert times[-1] == 1_000_000 * SECOND


@pytest.mark.parametrize(
    ("ramps", "second", "expected"),
    [
        ([Ramp(10 * SECOND, 0, 1000)], 0, 50),  # t^2 / 2 of it: 50 in the first second
        ([Ramp(10 * SECOND, 0, 1000)], 9, 950),
        ([Ramp(10 * SECOND, 1000, 0)], 0, 950),
        ([Ramp(10 * SECOND, 1000, 0)], 9, 50),
        ([Ramp(SECOND, 100, 100), Ramp(SECOND, 700, 700)], 1, 700),
        ([Ramp(SECOND, 100, 100), Ramp(SECOND, 0, 0), Ramp(SECOND, 50, 50)], 1, 0),
        ([Ramp(SECOND, 100, 100), Ramp(SECOND, 0, 0), Ramp(SECOND, 50, 50)], 2, 50),
        ([Ramp(0, 9000, 9000), Ramp(SECOND, 100, 100)], 0, 100),
        ([Ramp(SECOND, 100, 100)], 7, 100),  # the last rate goes on
    ],
)
def test_a_ramp_has_as_many_arrivals_as_its_area(ramps: list[Ramp], second: int, expected: int) -> None:
    times = first(20_000, ramps)
    assert within(times, second * SECOND, (second + 1) * SECOND) == pytest.approx(expected, abs=1)


def test_arrivals_end_with_a_rate_that_ends_at_zero() -> None:
    times = first(10_000, [Ramp(10 * SECOND, 1000, 0)])
    assert len(times) == 5_000
    assert times[-1] <= 10 * SECOND


@given(
    shares=st.integers(1, 7),
    rates=st.lists(st.tuples(st.integers(1, 3_000), st.integers(1, 3_000)), min_size=1, max_size=4),
)
def test_constant_arrivals_are_divided_without_loss_or_doubling(shares: int, rates: list[tuple[int, int]]) -> None:
    ramps = [Ramp(SECOND, before, after) for before, after in rates]
    whole = first(2_000, ramps)
    parts = [itertools.islice(arrival_times_ns(ramps, "constant", 0, part, shares), 2_000) for part in range(shares)]
    assert sorted(itertools.chain.from_iterable(parts))[:2_000] == whole


@given(
    ramps=st.lists(
        st.builds(Ramp, st.integers(0, 5 * SECOND), st.integers(0, 5_000), st.integers(0, 5_000)),
        min_size=1,
        max_size=5,
    ),
    process=st.sampled_from(["constant", "poisson"]),
)
def test_arrivals_come_in_order(ramps: list[Ramp], process: ArrivalProcess) -> None:
    times = first(3_000, ramps, process)
    assert times == sorted(times)
    assert all(time >= 0 for time in times)


def test_a_poisson_process_has_its_rate_and_exponential_gaps() -> None:
    times = np.array(first(200_000, [Ramp(SECOND, 1000, 1000)], "poisson", seed=1))
    gaps = np.diff(times)
    assert times[-1] / SECOND == pytest.approx(200, rel=0.01)
    # An exponential distribution has its mean for standard deviation, and exp(-1) of it beyond.
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02)
    assert (gaps > gaps.mean()).mean() == pytest.approx(np.exp(-1), rel=0.02)


def test_the_parts_of_a_poisson_process_are_different_and_add_up_to_its_rate() -> None:
    ramps = [Ramp(SECOND, 900, 900)]
    parts = [list(itertools.islice(arrival_times_ns(ramps, "poisson", 5, part, 3), 30_000)) for part in range(3)]
    assert [part[-1] / SECOND for part in parts] == pytest.approx([100, 100, 100], rel=0.03)
    assert len({part[0] for part in parts}) == 3


def test_the_seed_fixes_a_poisson_process() -> None:
    ramps = [Ramp(SECOND, 1000, 1000)]
    assert first(100, ramps, "poisson", seed=3) == first(100, ramps, "poisson", seed=3)
    assert first(100, ramps, "poisson", seed=3) != first(100, ramps, "poisson", seed=4)


def test_a_ramp_knows_how_many_it_holds() -> None:
    assert Ramp(2 * SECOND, 100, 300).arrivals == 400
