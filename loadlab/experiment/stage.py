"""A running target, what is behind it, and the fleet that loads it, listened to together: who fails ends the trial."""

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from loadlab.errors import TargetDied, TrialFailed
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.targets import Capabilities

_TICK_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 30.0


class Server(Protocol):
    """What a trial needs of a server that listens, whoever started it."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: IP address and port."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do on this machine."""

    def pids(self) -> list[int]:
        """Return the pids of all its processes, now."""

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs."""


class Stage:
    """Both ends of a trial. Listening raises TrialFailed once either has ended, and whatever `check` raises."""

    def __init__(self, target: Server, upstream: Server | None, fleet: Fleet, check: Callable[[], None]) -> None:
        self.target = target
        self.upstream = upstream
        self.fleet = fleet
        self._check = check

    def listen_until(self, deadline_ns: int) -> Iterator[Event]:
        """Yield what the fleet says until the monotonic clock reads `deadline_ns`."""
        while (left_ns := deadline_ns - time.monotonic_ns()) > 0:
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
        events = self.fleet.next_events(timeout_seconds)
        for server in filter(None, (self.target, self.upstream)):
            if (end := server.poll_exit()) is not None:
                raise TargetDied(end)
        return events
