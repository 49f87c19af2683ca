"""The offset of a machine's clock is within its bound, whatever the network does to each way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.cluster.clocks import ClockExchange, ClockOffset, drift_ppm, offset_of, over_window, same_clock

MS = 1_000_000
WAYS = st.lists(st.tuples(st.integers(0, 50 * MS), st.integers(0, 50 * MS)), min_size=1, max_size=20)


def exchange(at_ns: int, there_ns: int, back_ns: int, offset_ns: int) -> ClockExchange:
    """Return an exchange that begins at `at_ns`, with a machine whose clock is ahead by `offset_ns`."""
    return ClockExchange(at_ns, at_ns + there_ns + offset_ns, at_ns + there_ns + back_ns)


@given(ways=WAYS, offset_ns=st.integers(-(10**12), 10**12))
def test_the_offset_is_within_its_bound(ways: list[tuple[int, int]], offset_ns: int) -> None:
    exchanges = [exchange(index * 10**9, there, back, offset_ns) for index, (there, back) in enumerate(ways)]
    found = offset_of(exchanges)
    assert abs(found.offset_ns - offset_ns) <= found.bound_ns
    assert found.bound_ns == -(-min(there + back for there, back in ways) // 2)


def test_the_shortest_round_trip_counts() -> None:
    exchanges = [
        exchange(0, 9 * MS, MS, 5 * MS),
        exchange(10 * MS, MS, MS, 5 * MS),
        exchange(20 * MS, MS, 9 * MS, 5 * MS),
    ]
    assert offset_of(exchanges) == ClockOffset(11 * MS, 5 * MS, MS)


def test_a_machine_on_this_kernel_has_our_clock() -> None:
    assert same_clock(7) == ClockOffset(7, 0, 0)


def test_drift_is_the_change_of_the_offset_over_time() -> None:
    start, end = ClockOffset(0, 100, 10), ClockOffset(10 * 10**9, 500_100, 10)
    assert drift_ppm(start, end) == pytest.approx(50.0)
    assert drift_ppm(start, start) == 0.0


@given(
    offset_ns=st.integers(-MS, MS),
    drift=st.integers(-200, 200),
    share=st.floats(0, 1),
    bounds=st.tuples(st.integers(0, MS), st.integers(0, MS)),
)
def test_over_a_window_the_bound_holds_at_every_moment(
    offset_ns: int, drift: int, share: float, bounds: tuple[int, int]
) -> None:
    def true_ns(at_ns: int) -> float:
        return offset_ns + at_ns * drift / 1e6

    length_ns = 10 * 10**9
    start = ClockOffset(0, offset_ns + bounds[0], bounds[0])
    end = ClockOffset(length_ns, round(true_ns(length_ns)) - bounds[1], bounds[1])
    within = over_window(start, end)
    at_ns = round(share * length_ns)
    assert within.at_ns == length_ns // 2
    assert abs(within.offset_ns - true_ns(at_ns)) <= within.bound_ns + 2
