"""The part of a load worker that does not depend on what it sends: its windows, its pacing, and what it reports.

It does what it is asked in one way only: a plan on the common clock. Within a window, and the warm-up before it, its
users send; outside of them they are silent, and their connections stay open.
"""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from typing import Final, Protocol

import numpy as np

from loadlab.fleet.channel import Channel
from loadlab.fleet.messages import (
    Blocking,
    CheckCount,
    ClosedPacing,
    Drained,
    Finished,
    KindLabel,
    LoadPart,
    OpenPacing,
    Plan,
    PlannedWindow,
    Recorded,
)
from loadlab.kernel import Loop, TaskGroup
from loadlab.kernel.tls import TlsClient
from loadlab.load.pacing import Agenda, Allowance, Gate, Pacing, ThinkTime
from loadlab.load.schedule import Ramp, arrival_times_ns
from loadlab.load.stamping import Stamping
from loadlab.recording.histogram import Histogram
from loadlab.recording.recorder import EACH_INTERVAL, ONCE_A_WINDOW, Metric, Recorder

# Folding costs 0.1 ms, and 0.1 to 0.3 us for each request. Not before there are many, or a slow schedule is late for it
# too often; and not so many that all who wait meanwhile are late: every 20 ms it was 0.5 ms for 1,500 requests, and so
# the 99th percentile of a closed load was the client's. With 800 at a time a request costs 0.3 us less, but they wait
# for 0.4 ms instead of 0.15.
_FOLD_EVERY_NS: Final = 4_000_000
_WORTH_FOLDING: Final = 200
_DRAINED_LOOK_NS: Final = 1_000_000
_FIRST_INTERVAL_NS: Final = 250_000_000
# In a shorter window as dense stamps would cost it too much; it is one of several.
_STAMPS_FOR_NS: Final = 1_000_000_000
# An interval takes this part of the window so far: a few hundred of them make an hour.
_COUNTED_INTERVALS: Final = 50


async def carry_out(loop: Loop, channel: Channel, crew: "Crew", plan: Plan) -> None:
    """Measure the windows of a plan, one after the other."""
    unix_offset_ns = time.monotonic_ns() - time.time_ns()
    for window in plan.windows:
        async with loop.task_group() as group:
            group.start(fold_regularly(loop, crew), "fold samples")
            await measure(loop, channel, crew, window, window.start_unix_ns + unix_offset_ns)
            group.cancel()
        while crew.in_flight:
            await loop.sleep(_DRAINED_LOOK_NS)
        channel.send(crew.drained())


async def measure(loop: Loop, channel: Channel, crew: "Crew", window: PlannedWindow, start_ns: int) -> None:
    """Warm up, then send what was recorded at the end of each interval of the window, and what was left undone.

    The window ends when it was planned to, even if it began late: no worker records outside of the common window. With
    a number of requests it ends before, once all have ended; its intervals grow then, as its length is unknown.
    """
    await loop.sleep_until(start_ns - window.warmup_ns)
    crew.warm_up(start_ns - window.warmup_ns, window)
    if window.warmup_ns:  # else what is sent at once belongs to the window
        await loop.sleep_until(start_ns)
    crew.begin_window(start_ns, window.duration_ns)
    began_ns = interval_start_ns = time.monotonic_ns()
    end_ns = start_ns + window.duration_ns
    while interval_start_ns < end_ns and not crew.used_up:
        # The first is short, so that there is soon something to show.
        length_ns = window.interval_ns if interval_start_ns > began_ns else min(window.interval_ns, _FIRST_INTERVAL_NS)
        if crew.allowance is not None:
            length_ns = max(length_ns, (interval_start_ns - began_ns) // _COUNTED_INTERVALS)
        interval_end_ns = interval_start_ns + length_ns
        # No last interval of a few milliseconds: a rate over that says nothing.
        last = interval_end_ns + length_ns // 2 > end_ns
        await crew.sleep_until(end_ns if last else interval_end_ns)
        now_ns = time.monotonic_ns()
        channel.send(crew.take_interval(interval_start_ns - began_ns, now_ns - began_ns))
        interval_start_ns = now_ns
    channel.send(crew.finish(began_ns, interval_start_ns))


class Load(Protocol):
    """Those who send, without slow senders. `in_flight` is how many requests wait for the server."""

    @property
    def in_flight(self) -> int: ...

    async def open(self) -> None:
        """Open the connections."""

    async def run(self) -> None:
        """Let all users send whenever the gate is open, until cancelled."""

    def kinds_in_flight(self) -> list[int]:
        """Return of which kinds the requests are that are in flight."""

    def kinds_of(self, users: Sequence[int]) -> list[int]:
        """Return of which kinds the requests are that these users have or will send next."""

    def ages_ns(self, now_ns: int) -> list[int]:
        """Return how long ago each request in flight was sent."""

    def count_unasked(self) -> None:
        """Hand what was heard unasked over to the recorders."""


class Crew(ABC):
    """Everyone who sends in this process: `load`, and what they record, by kind."""

    load: Load
    recorders: list[Recorder]

    def __init__(self, loop: Loop, part: LoadPart, users: int) -> None:
        """So many `users` take turns by the pacing of the part."""
        pacing = part.pacing
        # Drawn from one stream in step, the kind of a request would decide the pause before it.
        self.kinds_seed, self._pauses_seed = np.random.SeedSequence([part.seed, part.share]).spawn(2)
        self.stamping = Stamping(part.stamped_every)
        self.tls = TlsClient(part.endpoint.tls) if part.endpoint.tls is not None else None
        self.gate = Gate(loop)
        self._loop = loop
        self._part = part
        self._ramps = [Ramp(*ramp) for ramp in pacing.ramps] if isinstance(pacing, OpenPacing) else []
        self._carried_over = self._compared_before = 0
        # For the stamps: requests answered and reported since the load began to send, and the window's length.
        self._answered = self._answered_before = self._sends_since_ns = self._window_ns = self._windows = 0
        self._agenda = Agenda(loop, users, pacing.spin_ns) if isinstance(pacing, OpenPacing) else None
        self.allowance = self._allowance(pacing, users)
        self.pacing: Pacing | None = self.allowance or self._agenda or self._thinking(pacing)

    @property
    def in_flight(self) -> int:
        """How many users are not silent yet: a request is under way, or a stream is open."""
        return self.load.in_flight

    def kinds_in_flight(self) -> list[int]:
        """Return of which kinds the requests are that are under way."""
        return self.load.kinds_in_flight()

    def cut(self) -> list[int]:
        """Return of which kinds is what the end of the window finds under way."""
        return self.kinds_in_flight()

    @abstractmethod
    def never_sent(self, dropped: int) -> list[int]:
        """Return of which kinds that is what was due, so many times, and was not begun."""

    def answered(self) -> int:
        """Return how many requests were answered as expected and have not been taken yet."""
        return sum(recorder.answered for recorder in self.recorders)

    def labels(self) -> list[KindLabel]:
        """Return the names of the kinds; none where the part names them."""
        return []

    def count_compared(self) -> int:
        """Return how many answers have been compared with an expected one."""
        return 0

    def checks(self) -> list[CheckCount]:
        """Return what was checked since the last call."""
        return []

    def blocking(self) -> list[Blocking]:
        """Return what held this worker up since the last call."""
        return []

    @property
    def used_up(self) -> bool:
        """Whether the requests of a window were numbered, and all have been answered or have failed."""
        return self.allowance is not None and self.allowance.used_up

    async def sleep_until(self, deadline_ns: int) -> None:
        """Suspend until then, or until the requests of the window are used up."""
        if self.allowance is None:
            await self._loop.sleep_until(deadline_ns)
            return
        with self._loop.time_scope(deadline_ns - time.monotonic_ns()):
            await self.allowance.wait_used_up()

    def start(self, group: TaskGroup) -> None:
        """Start all users; they wait for a window, until the group is cancelled."""
        self._loop.pacer = self._agenda
        group.start(self.load.run(), "active load")

    def warm_up(self, start_ns: int, window: PlannedWindow) -> None:
        """Let all send from now on, in the open model at the first rate of the schedule until the window begins."""
        self._answered, self._sends_since_ns = 0, time.monotonic_ns()
        self._window_ns = max(window.duration_ns, _STAMPS_FOR_NS)
        self._windows += 1
        duration_ns = window.warmup_ns
        if self._agenda is not None:
            rate = self._ramps[0].from_rate
            self._agenda.begin(self._arrivals_ns(start_ns, duration_ns, [Ramp(duration_ns, rate, rate)], 1))
        if self.allowance is not None and duration_ns:
            self.allowance.begin(None)
        self.gate.open()

    def begin_window(self, start_ns: int, duration_ns: int) -> None:
        """Begin a window: what was recorded before counts for nothing, nor do requests that were due and not sent.

        Those in flight are carried over into the window.
        """
        self._taken(0, 0, tuple(Metric))
        self._answered_before = self._answered
        self._compared_before = self.count_compared()
        self.checks()
        self.blocking()
        self._carried_over = len(self.kinds_in_flight())
        if self._agenda is not None:
            self._carried_over += self._agenda.granted
            self._agenda.begin(self._arrivals_ns(start_ns, duration_ns, self._ramps, 0))
        if self.allowance is not None:
            assert isinstance(self._part.pacing, ClosedPacing)
            self.allowance.begin((self._part.pacing.requests or 0) - self._carried_over)

    def take_interval(self, start_ns: int, end_ns: int) -> Recorded:
        """Return what was recorded since the last call."""
        return Recorded(self._taken(start_ns, end_ns, EACH_INTERVAL), self.labels())

    def finish(self, began_ns: int, now_ns: int) -> Finished:
        """Have all users wait for the next window; return what is left undone, and the rest of what was recorded."""
        self.gate.close()
        if self.allowance is not None:
            self.allowance.end()
        about_to_send, dropped = self._agenda.drop_overdue(now_ns) if self._agenda is not None else ([], 0)
        cut = [*self.cut(), *self.load.kinds_of(about_to_send)]
        never_sent = self.never_sent(dropped)
        rest = self._taken(0, now_ns - began_ns, ONCE_A_WINDOW)
        ages = Histogram()
        ages.fold([max(age_ns, 0) for age_ns in self.load.ages_ns(now_ns)])
        compared = self.count_compared() - self._compared_before
        return Finished(
            self._by_kind(cut),
            self._by_kind(never_sent),
            rest,
            self._carried_over,
            ages.drain(),
            compared,
            self.tls.session if self.tls is not None else None,
            self._answered_before,
            self.labels(),
            self.checks(),
            self.blocking(),
        )

    def drained(self) -> Drained:
        """Return what became of the requests that were in flight when the window ended."""
        snapshots = self._taken(0, 0, [Metric.RESPONSE])
        return Drained(snapshots, time.monotonic_ns() - self._sends_since_ns, self.labels())

    def adapt_stamps(self) -> None:
        """Have as many answers stamped as the window needs, by how many have come since the warm-up began."""
        if isinstance(self._part.pacing, ClosedPacing) and self._part.pacing.requests is not None:
            self.stamping.adapt(self._part.pacing.requests, 1, 1)
            return
        answered = self._answered + self.answered()
        self.stamping.adapt(answered, time.monotonic_ns() - self._sends_since_ns, self._window_ns)

    def _by_kind(self, kinds: Sequence[int]) -> list[int]:
        counts = Counter(kinds)
        return [counts[kind] for kind in range(len(self.recorders))]

    def _taken(self, start_ns: int, end_ns: int, metrics: Collection[Metric]) -> list[bytes]:
        self._answered += self.answered()
        self.load.count_unasked()
        return [recorder.take(start_ns, end_ns, metrics).to_bytes() for recorder in self.recorders]

    def _allowance(self, pacing: ClosedPacing | OpenPacing, users: int) -> Allowance | None:
        if isinstance(pacing, OpenPacing) or pacing.requests is None:
            return None
        return Allowance(self._loop, users, self._thinking(pacing))

    def _thinking(self, pacing: ClosedPacing | OpenPacing) -> ThinkTime | None:
        if isinstance(pacing, OpenPacing) or not pacing.think_ns:
            return None
        return ThinkTime(self._loop, self.gate, pacing.think_ns, pacing.think_times, self._pauses_seed)

    def _arrivals_ns(self, start_ns: int, duration_ns: int, ramps: Sequence[Ramp], draw: int) -> Iterator[int]:
        """Yield this part's arrivals from `start_ns` on until the time is over: rate r for t seconds is r t of them.

        Those of each window, and of each `draw` for one, are drawn apart.
        """
        part = self._part
        assert isinstance(part.pacing, OpenPacing)
        # Seeds of profiles are below 2^32.
        seed = part.seed + (2 * (self._windows - 1) + draw << 32)
        times_ns = arrival_times_ns(ramps, part.pacing.arrivals, seed, part.share, part.shares)
        return map(start_ns.__add__, takewhile(duration_ns.__gt__, times_ns))


async def fold_regularly(loop: Loop, crew: Crew) -> None:
    """Keep the recorders' memory bounded, and stamps as dense as needed, until cancelled."""
    while True:
        await loop.sleep(_FOLD_EVERY_NS)
        crew.adapt_stamps()
        for recorder in crew.recorders:
            if recorder.waiting >= _WORTH_FOLDING:
                recorder.fold()
