"""How clocks part, on readings that the test made, and that this machine's do not."""

from dataclasses import replace

import pytest

from loadlab.probes.clocks import ClockChange, ClockReading, change_between, read_clocks

START = ClockReading(monotonic_ns=100, realtime_ns=1_000_000, boottime_ns=500, raw_ns=90)
SECOND_LATER = ClockReading(monotonic_ns=1_100, realtime_ns=1_001_000, boottime_ns=1_500, raw_ns=1_090)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (SECOND_LATER, ClockChange(set_ns=0, asleep_ns=0, corrected_ns=0)),
        (replace(SECOND_LATER, realtime_ns=1_001_300), ClockChange(set_ns=300, asleep_ns=0, corrected_ns=0)),
        (replace(SECOND_LATER, realtime_ns=1_000_700), ClockChange(set_ns=-300, asleep_ns=0, corrected_ns=0)),
        # After a sleep the wall clock has gone on too: nobody set it.
        (
            replace(SECOND_LATER, realtime_ns=1_001_200, boottime_ns=1_700),
            ClockChange(set_ns=0, asleep_ns=200, corrected_ns=0),
        ),
        (replace(SECOND_LATER, raw_ns=1_040), ClockChange(set_ns=0, asleep_ns=0, corrected_ns=50)),
    ],
)
def test_each_clock_tells_its_own_story(end: ClockReading, expected: ClockChange) -> None:
    assert change_between(START, end) == expected


def test_clocks_are_read_close_to_one_another() -> None:
    # A process may lose its core in every attempt, so the bound is wide; apart they are by years.
    first, second = read_clocks(), read_clocks()
    change = change_between(first, second)
    assert abs(change.set_ns) < 50_000_000
    assert abs(change.asleep_ns) < 50_000_000
    assert second.monotonic_ns >= first.monotonic_ns
