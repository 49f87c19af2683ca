"""The clock of a machine against ours: offset, its bound, and drift, from readings exchanged over the network (pure).

A machine reads its wall clock between our sending and our receiving. If both ways took equally long, it did so in the
middle; at worst one of them took no time at all, so the middle is wrong by at most half of the round trip (RFC 5905,
section 8). The shortest of many round trips has the least bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockExchange:
    """Our wall clock before and after a machine has read its own, `remote_ns`."""

    sent_ns: int
    remote_ns: int
    received_ns: int

    @property
    def round_trip_ns(self) -> int:
        """How long it took."""
        return self.received_ns - self.sent_ns


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A machine's wall clock minus ours at `at_ns` of ours, to within `bound_ns`."""

    at_ns: int
    offset_ns: int
    bound_ns: int


def offset_of(exchanges: Iterable[ClockExchange]) -> ClockOffset:
    """Return the offset by the exchange that took least; there is at least one."""
    best = min(exchanges, key=lambda exchange: exchange.round_trip_ns)
    middle_ns = best.sent_ns + best.round_trip_ns // 2
    return ClockOffset(middle_ns, best.remote_ns - middle_ns, -(-best.round_trip_ns // 2))


def same_clock(at_ns: int) -> ClockOffset:
    """Return the offset of a machine that runs on our own kernel, and so has our clock."""
    return ClockOffset(at_ns, 0, 0)


def drift_ppm(start: ClockOffset, end: ClockOffset) -> float:
    """Return by how many millionths the offset grew from one measurement to the next; 0 if they are of one moment.

    `drift_bound_ppm` is how well that is known.
    """
    passed_ns = end.at_ns - start.at_ns
    return (end.offset_ns - start.offset_ns) / passed_ns * 1e6 if passed_ns > 0 else 0.0


def drift_bound_ppm(start: ClockOffset, end: ClockOffset) -> float:
    """Return to within how many millionths `drift_ppm` is known; 0 if both measurements are of one moment."""
    passed_ns = end.at_ns - start.at_ns
    return (start.bound_ns + end.bound_ns) / passed_ns * 1e6 if passed_ns > 0 else 0.0


def over_window(start: ClockOffset, end: ClockOffset) -> ClockOffset:
    """Return the offset in the middle of a window that was measured before and after it.

    Its bound is that of the worse of both, and half of what the offset changed meanwhile.
    """
    change_ns = end.offset_ns - start.offset_ns
    bound_ns = max(start.bound_ns, end.bound_ns) + abs(change_ns) // 2
    return ClockOffset((start.at_ns + end.at_ns) // 2, start.offset_ns + change_ns // 2, bound_ns)
