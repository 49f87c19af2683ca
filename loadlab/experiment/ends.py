"""Both ends of a rig, target and fleet, listened to together: when one of them fails, the trial ends."""

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from loadlab.errors import TargetDied, TrialFailed
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.messages import Plan
from loadlab.profile.address import Address
from loadlab.targets import Capabilities

_TICK_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 30.0


class Server(Protocol):
    """What a rig needs of a server that listens, whether loadlab started it or not."""

    @property
    def address(self) -> Address:
        """Where it listens; a host is an IP address."""

    @property
    def authority(self) -> str:
        """What the header Host says in requests to it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do on this machine."""

    def pids(self) -> list[int]:
        """Return the pids of all its processes, now."""

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs."""


class Ends:
    """A target, its upstream if it has one, and the fleet that loads it.

    Listening raises TrialFailed when the target or a process of the load has ended, and whatever `check` raises; it
    yields first what was said until then.
    """

    def __init__(self, target: Server, upstream: Server | None, fleet: Fleet, check: Callable[[], None]) -> None:
        self.target = target
        self.upstream = upstream
        self.fleet = fleet
        self._check = check
        self._end_of_target: str | None = None

    def measure(self, plan: Plan) -> None:
        """Give the load workers their windows."""
        self.fleet.measure(plan)

    def listen_until(self, deadline_ns: int, over: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Yield what the fleet says until the monotonic clock reads `deadline_ns`, or it is `over`."""
        while not over() and (left_ns := deadline_ns - time.monotonic_ns()) > 0:
            yield from self._next_events(min(_TICK_SECONDS, left_ns / 1e9))

    def listen_while(self, waiting: Callable[[], bool], silence_seconds: float = 0.0) -> Iterator[Event]:
        """Yield what the fleet says while `waiting()`. Raises TrialFailed when it is silent for too long.

        `silence_seconds` is what it may be silent for good reasons; it has half a minute more.
        """
        patience_seconds = _PATIENCE_SECONDS + silence_seconds
        heard_ns = time.monotonic_ns()
        while waiting():
            events = self._next_events(_TICK_SECONDS)
            if events:
                heard_ns = time.monotonic_ns()
            elif time.monotonic_ns() - heard_ns > patience_seconds * 1e9:
                raise TrialFailed(
                    f"the load processes said nothing for {patience_seconds:.0f} s; the machine may be overloaded: "
                    "ask for fewer connections"
                )
            yield from events

    def _next_events(self, timeout_seconds: float) -> list[Event]:
        self._check()
        if self._end_of_target is not None:
            raise TargetDied(self._end_of_target)
        events = self.fleet.next_events(timeout_seconds)
        for server in filter(None, (self.target, self.upstream)):
            if (end := server.poll_exit()) is not None:
                # Not at once: what the workers have reported is not to be lost with it.
                self._end_of_target = end
        return events
