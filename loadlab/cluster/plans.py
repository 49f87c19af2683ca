"""Plans on their way to machines (pure): each in its machine's time, sent early enough, and not too late on arrival.

All machines begin a window at once, so each must have its plan before that. How long plans take is known from those
before; a rig that is measured in short turns would spend most of its time on waiting for them if each were sent as
early as the first, about whose way nothing is known.
"""

from typing import Final

import msgspec

from loadlab.fleet.messages import Plan

_FIRST_LEAD_NS: Final = 200_000_000
_LEAST_LEAD_NS: Final = 50_000_000
_SLACK: Final = 10  # a plan takes 2 to 5 ms, and has taken 20 on a busy machine
_SLACK_OF_SLOW: Final = 2


class PlanLead:
    """How long before its warm-up a plan is to be sent: many times what the slowest took so far."""

    def __init__(self) -> None:
        self._longest_ns: int | None = None

    @property
    def lead_ns(self) -> int:
        """The lead of the next plan."""
        if self._longest_ns is None:
            return _FIRST_LEAD_NS
        most_ns = max(_FIRST_LEAD_NS, _SLACK_OF_SLOW * self._longest_ns)
        return min(max(_LEAST_LEAD_NS, _SLACK * self._longest_ns), most_ns)

    def note(self, took_ns: int) -> None:
        """Note how long a plan took to the workers of a machine."""
        self._longest_ns = max(self._longest_ns or 0, took_ns)


def shifted(plan: Plan, offset_ns: int) -> Plan:
    """Return a plan in the time of a machine whose clock is ahead by `offset_ns`."""
    return Plan(
        [msgspec.structs.replace(window, start_unix_ns=window.start_unix_ns + offset_ns) for window in plan.windows]
    )


def late_by_ns(plan: Plan, arrived_ns: int) -> int:
    """Return how long after the first window of a plan had begun it arrived; 0 if it was in time."""
    return max(0, arrived_ns - plan.windows[0].start_unix_ns)
