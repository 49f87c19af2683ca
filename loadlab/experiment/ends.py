"""Both ends of a rig, target and fleet, listened to together: when one of them fails, the trial ends."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import Final

from loadlab.errors import TargetDied, TrialFailed
from loadlab.experiment.target_side import TargetSide
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.messages import Plan

_TICK_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 30.0
_MOST_NAMED: Final = 3


class Ends:
    """A target, with its upstream if it has one, and the fleet that loads it.

    Listening raises TrialFailed when the target or a process of the load has ended, and whatever `check` raises; it
    yields first what was said until then.
    """

    def __init__(
        self,
        side: TargetSide,
        fleet: Fleet,
        check: Callable[[], None],
        poll_exit: Callable[[], str | None] | None = None,
    ) -> None:
        """`poll_exit` says how what is needed of the target has ended (None: as the whole `side` does)."""
        self.side = side
        self.target = side.target
        self.fleet = fleet
        self._poll_exit = poll_exit or side.poll_exit
        self._check = check
        self._end_of_target: TrialFailed | None = None

    def measure(self, plan: Plan) -> None:
        """Give the load workers their windows."""
        self.fleet.measure(plan)

    def listen_until(self, deadline_ns: int, over: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Yield what the fleet says until the monotonic clock reads `deadline_ns`, or it is `over`."""
        while not over() and (left_ns := deadline_ns - time.monotonic_ns()) > 0:
            yield from self._next_events(min(_TICK_SECONDS, left_ns / 1e9))

    def listen_while(
        self,
        waiting: Callable[[], bool],
        silence_seconds: float = 0.0,
        awaited: Callable[[], Collection[str]] = lambda: (),
    ) -> Iterator[Event]:
        """Yield what the fleet says while `waiting()`. Raises TrialFailed when it is silent for too long.

        `silence_seconds` is what it may be silent for good reasons; it has half a minute more. Which processes are
        still `awaited` is named then.
        """
        patience_seconds = _PATIENCE_SECONDS + silence_seconds
        heard_ns = time.monotonic_ns()
        while waiting():
            events = self._next_events(_TICK_SECONDS)
            if events:
                heard_ns = time.monotonic_ns()
            elif time.monotonic_ns() - heard_ns > patience_seconds * 1e9:
                raise TrialFailed(
                    f"{_listed(awaited())} said nothing for {patience_seconds:.0f} s; the machine may be overloaded: "
                    "ask for fewer connections"
                )
            yield from events

    def _next_events(self, timeout_seconds: float) -> list[Event]:
        self._check()
        if self._end_of_target is not None:
            raise self._end_of_target
        events = self.fleet.next_events(timeout_seconds)
        # Not at once: what the workers have reported is not to be lost with it.
        try:
            end = self._poll_exit()
            self._end_of_target = None if end is None else TargetDied(end)
        except TrialFailed as lost:
            self._end_of_target = lost
        return events


def _listed(processes: Collection[str]) -> str:
    """Return the names of processes, or of some and how many more there are."""
    if not processes:
        return "the load processes"
    named, more = sorted(processes)[:_MOST_NAMED], len(processes) - _MOST_NAMED
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
