"""Finds code of a scenario that holds up the loop: `time.sleep`, a client that blocks, a heavy computation.

A step is what a scenario does from one resumption of a coroutine to its next wait. While one runs nobody else does, so
one that takes 50 ms has delayed everything that was due meanwhile. Its line is found by a timer (setitimer(2)): 50
times a second a signal interrupts whatever runs, and its handler is given the frame that was interrupted. The loop
itself notes only when a step began. System calls that are interrupted are resumed by Python (PEP 475).

What a step waited for a core, which other programs kept, is not the scenario's fault and does not count; nor do the
collections of garbage that happen to fall into it, which with thousands of users take 0.1 s.
"""

import gc
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Final

from loadlab.scenario.sources import UserLine, line_of_user

BLOCKING_NS: Final = 50_000_000
"""A step that takes this long is blocking."""

STUCK_NS: Final = 10_000_000_000
"""One that takes this long will hardly ever end; the coordinator gives up a silent worker after three times as long."""

_LOOK_EVERY_S: Final = 0.02
# Of a step that takes BLOCKING_NS one look at least comes after this time, wherever between two looks it began.
_SUSPECT_NS: Final = 25_000_000
_MOST_LINES: Final = 50
_STATISTICS_BYTES: Final = 64


@dataclass(slots=True)
class BlockingLine:
    """A line of the user's that held up the loop: in how many steps, and for how long in the longest of them."""

    where: str
    code: str
    times: int
    longest_ns: int


class BlockingWatch:
    """Watches the steps of a scenario in the main thread of this process.

    Who resumes its coroutines sets `step_began_ns` before and 0 after, and calls `step_ended` in between if the step
    took BLOCKING_NS. `on_stuck` is called once for a step that has taken STUCK_NS, in the middle of it.
    """

    __slots__ = ("_clock", "_collected_ns", "_collecting_since_ns", "_collection_of_ns", "_found", "_lines",
                 "_on_stuck", "_previous", "_reported_ns", "_suspect_ns", "_waited", "_waited_before_ns",
                 "step_began_ns")  # fmt: skip

    def __init__(
        self,
        on_stuck: Callable[[UserLine], None] | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
        waited: Callable[[], int] | None = None,
    ) -> None:
        self.step_began_ns = 0
        self._on_stuck = on_stuck
        self._clock = clock
        self._waited = waited or read_run_queue_wait
        self._waited_before_ns = (
            self._waited()
        )  # when last looked at, before the step that is suspected or in its begin
        self._suspect_ns = self._reported_ns = 0  # when that step began, and the last that was reported as stuck
        self._collecting_since_ns = self._collected_ns = 0
        self._collection_of_ns = 0  # when the step began in which garbage was collected last
        self._lines: Counter[UserLine] = Counter()  # where it was, look by look
        self._found: dict[UserLine, BlockingLine] = {}

    def start(self) -> None:
        """Look regularly from now on. To be called in the main thread."""
        self._previous = signal.signal(signal.SIGALRM, lambda _number, frame: self.look(frame))
        signal.setitimer(signal.ITIMER_REAL, _LOOK_EVERY_S, _LOOK_EVERY_S)
        gc.callbacks.append(self.note_collection)

    def stop(self) -> None:
        """Look no more."""
        gc.callbacks.remove(self.note_collection)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._previous)

    def look(self, frame: FrameType | None) -> None:
        """Note where a step is that may turn out to be blocking; `frame` is what is being executed."""
        began_ns = self.step_began_ns
        age_ns = self._clock() - began_ns if began_ns else 0
        if age_ns < _SUSPECT_NS:
            self._waited_before_ns = self._waited()
            return
        if self._suspect_ns != began_ns:
            self._suspect_ns = began_ns
            self._lines.clear()
        line = line_of_user(frame)
        if line is None:
            return
        self._lines[line] += 1
        if age_ns >= STUCK_NS and self._reported_ns != began_ns:
            self._reported_ns = began_ns
            if self._on_stuck is not None:
                self._on_stuck(line)

    def note_collection(self, phase: str, _info: object) -> None:
        """Note that a collection of garbage starts or stops (gc.callbacks): it may fall into any step."""
        now_ns = self._clock()
        if phase == "start":
            self._collecting_since_ns = now_ns
            return
        if self._collection_of_ns != self.step_began_ns:
            self._collection_of_ns, self._collected_ns = self.step_began_ns, 0
        self._collected_ns += now_ns - self._collecting_since_ns

    def step_ended(self, now_ns: int) -> None:
        """Count the step that is ending, which began at `step_began_ns`, if it was blocking."""
        began_ns = self.step_began_ns
        if self._suspect_ns != began_ns or not self._lines:
            return
        own_ns = now_ns - began_ns - (self._waited() - self._waited_before_ns)
        if self._collection_of_ns == began_ns:
            own_ns -= self._collected_ns
        if own_ns < BLOCKING_NS:
            return
        line = self._lines.most_common(1)[0][0]
        if line not in self._found and len(self._found) == _MOST_LINES:
            return
        found = self._found.setdefault(line, BlockingLine(line.where, line.code, 0, 0))
        found.times += 1
        found.longest_ns = max(found.longest_ns, own_ns)

    def take(self) -> list[BlockingLine]:
        """Return the lines that were found since the last call, the longest first."""
        found, self._found = self._found, {}
        return sorted(found.values(), key=lambda line: -line.longest_ns)


def read_run_queue_wait() -> int:
    """Return how long this thread has been ready to run and had no core, in ns (proc(5), schedstat).

    Always 0 where the kernel keeps no such statistics.
    """
    try:
        fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        return int(os.read(fd, _STATISTICS_BYTES).split()[1])
    finally:
        os.close(fd)
