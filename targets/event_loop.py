"""An event loop for callbacks: code that waits leaves a function to be called, and returns.

One epoll, one heap of timers, one queue. A descriptor is registered once for reading and writing, edge-triggered, so
that nothing has to be changed however often its owner changes its mind: there is no epoll_ctl per request. In return
each change is reported once, and a callback has to go on until there is nothing more to do.
"""

import heapq
import select
import time
from collections import deque
from collections.abc import Callable
from itertools import count

Callback = Callable[[], None]
EventCallback = Callable[[bool], None]
"""Called when something happened to a descriptor: with whether its stream has ended, or broken."""

# Not the number of descriptors: a call that made room for all of them would cost more with each idle one.
_MAX_EVENTS = 512
_EVERYTHING = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class EventLoop:
    """Calls callbacks, one at a time, until one of them calls `stop`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, EventCallback] = {}
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = count()  # of timers with the same deadline, for which Python could not compare the callbacks
        self._soon: deque[Callback] = deque()
        self._running = True

    def register(self, fd: int) -> None:
        """Watch a non-blocking descriptor until `unregister`.

        What happens to it while no callback is set is lost; so try before you wait.
        """
        self._callbacks[fd] = _ignore
        self._epoll.register(fd, _EVERYTHING)

    def unregister(self, fd: int) -> None:
        """Stop watching a descriptor; to be called before it is closed."""
        del self._callbacks[fd]
        self._epoll.unregister(fd)

    def on_events(self, fd: int, callback: EventCallback) -> None:
        """Call `callback` whenever something happened to the descriptor: it may be readable or writable again."""
        self._callbacks[fd] = callback

    def on_next_event(self, fd: int, callback: Callback) -> None:
        """Call `callback` once, when something has happened to the descriptor."""

        def call_once(_ended: bool) -> None:
            self._callbacks[fd] = _ignore
            callback()

        self._callbacks[fd] = call_once

    def call_later(self, seconds: float, callback: Callback) -> None:
        """Call `callback` when so much time has passed."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), callback))

    def call_soon(self, callback: Callback) -> None:
        """Call `callback` in the next turn: after those who are being called now have returned."""
        self._soon.append(callback)

    def stop(self) -> None:
        """End `run` after this turn."""
        self._running = False

    def run(self) -> None:
        """Wait and call back, until `stop`."""
        while self._running:
            for fd, events in self._epoll.poll(self._poll_timeout(), _MAX_EVENTS):
                # It may have been closed by one who was called before, or even be another one under the same number:
                # that one is then called for nothing, and finds nothing to do.
                self._callbacks.get(fd, _ignore)(events & _ENDED != 0)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            for _ in range(len(self._soon)):
                self._soon.popleft()()

    def _poll_timeout(self) -> float | None:
        if self._soon:
            return 0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None


def _ignore(_ended: bool) -> None:
    """Called while no callback is set for the descriptor."""
