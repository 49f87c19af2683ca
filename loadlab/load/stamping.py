"""Which answers the kernel is asked about: when they arrived. It costs 2 us each, so not all."""

from typing import Final

STAMPED_EVERY: Final = 61
"""The arrival time is read with at least one answer in this many: that costs 2 us more than a plain read."""

STEPS: Final = (1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, STAMPED_EVERY)
"""The primes up to that, so that the stamped answers do not fall into step with anything."""

# A p99 is shown from 1,000 requests on. Twice as many stamps cost 4 ms of a window.
_WANTED_STAMPS: Final = 2000


class Stamping:
    """For which answers the kernel is asked when they arrived: one in `every`, as densely as percentiles need.

    A p99 of the client's own time is worth something from a thousand stamps on. So at a low rate each answer is
    stamped, and at a high one as few as make a good two thousand of the window, but at least one in `sparsest`.
    """

    __slots__ = ("_sparsest", "every")

    def __init__(self, sparsest: int = STAMPED_EVERY) -> None:
        self._sparsest = sparsest
        self.every = 1

    def adapt(self, answered: int, passed_ns: int, duration_ns: int) -> None:
        """Choose anew, from how many requests were answered in the part of a window that has passed."""
        expected = answered * duration_ns / max(passed_ns, 1)
        self.every = max(step for step in STEPS if step <= min(max(1.0, expected / _WANTED_STAMPS), self._sparsest))
