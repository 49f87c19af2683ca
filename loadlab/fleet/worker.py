"""A load worker process, `python -m loadlab.fleet.worker`: its share of the load, in the windows of its plan.

It opens its connections, and then does what it is asked in one way only: a plan on the common clock. Within a window,
and the warm-up before it, its users send; outside of them they are silent, and their connections stay open.
"""

import gc
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from typing import Final

import numpy as np

from loadlab.fleet.channel import Channel, end_with_input_only
from loadlab.fleet.messages import (
    ClosedPacing,
    Drained,
    Finished,
    LoadPart,
    OpenPacing,
    Plan,
    PlannedWindow,
    Ready,
    Recorded,
    WeightedRequest,
)
from loadlab.kernel import Loop, TaskGroup, run
from loadlab.kernel.tls import TlsClient
from loadlab.load.active import ActiveLoad
from loadlab.load.answer_check import AnswerCheck
from loadlab.load.exchange import Exchange
from loadlab.load.pacing import Agenda, Allowance, Gate, ThinkTime
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.schedule import Ramp, arrival_times_ns
from loadlab.load.slow import SlowSender
from loadlab.load.stamping import Stamping
from loadlab.load.subscriptions import Subscriptions
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


async def work(loop: Loop) -> None:
    """Serve one LoadPart; end when the coordinator does."""
    channel = Channel(loop)
    part = await channel.receive()
    if not isinstance(part, LoadPart):
        return
    if part.protocol == "websocket":
        end_with_input_only()
    crew = Crew(loop, part)
    await crew.load.open()
    # No cyclic garbage collection in the measured window: what exists is frozen, and the hot path makes no cycles.
    gc.collect()
    gc.freeze()
    gc.disable()
    async with loop.task_group() as group:
        crew.start(group)
        channel.send(Ready())
        while (message := await channel.receive()) is not None:
            if isinstance(message, Plan):
                group.start(carry_out(loop, channel, crew, message), "windows")
        group.cancel()


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


class Crew:
    """Everyone who sends in this process, and a recorder for each kind of request; that of slow senders comes last."""

    def __init__(self, loop: Loop, part: LoadPart) -> None:
        endpoint, pacing, slow = part.endpoint, part.pacing, part.slow
        address = endpoint.address
        kinds = [
            RequestKind(
                request.contents,
                frozenset(request.statuses),
                request.weight,
                request.method,
                check_of(request),
                request.end,
                request.streams,
            )
            for request in part.requests
        ]
        # Drawn from one stream in step, the kind of a request would decide the pause before it.
        kinds_seed, self._pauses_seed = np.random.SeedSequence([part.seed, part.share]).spawn(2)
        self._stamping = Stamping(part.stamped_every)
        self._next_turn = take_turns(kinds, kinds_seed, self._stamping)
        self._tls = tls = TlsClient(endpoint.tls) if endpoint.tls is not None else None
        exchanges = [
            Exchange(
                address,
                source,
                part.timeout_ns,
                kinds,
                self._next_turn,
                part.retry,
                part.per_request,
                tls,
                part.opening,
                part.protocol,
            )
            for source, connections in endpoint.sources
            for _ in range(connections)
        ]
        fast, slowed = ([], exchanges) if slow.all else (exchanges, [])
        # Of a stream the status is counted once, and not for each event.
        self.recorders = [Recorder(0 if part.protocol == "events" else kind.usual_status) for kind in kinds]
        self._loop = loop
        self._part = part
        self._gate = Gate(loop)
        self._ramps = [Ramp(*ramp) for ramp in pacing.ramps] if isinstance(pacing, OpenPacing) else []
        self._carried_over = self._compared_before = 0
        self._kinds = kinds
        # For the stamps: requests answered and reported since the load began to send, and the window's length.
        self._answered = self._answered_before = self._sends_since_ns = self._window_ns = self._windows = 0
        self._agenda = Agenda(loop, len(fast), pacing.spin_ns) if isinstance(pacing, OpenPacing) else None
        self.allowance = self._allowance(pacing, len(fast))
        pacing_of_users = self.allowance or self._agenda or self._thinking(pacing)
        self.load: ActiveLoad | Subscriptions
        if part.protocol == "events":
            self.load = Subscriptions(loop, fast, self.recorders, self._gate)
        else:
            self.load = ActiveLoad(loop, fast, self.recorders, self._gate, pacing_of_users)
        self._slow = [SlowSender(loop, exchange, slow.pace_ns, self.recorders, self._gate) for exchange in slowed]
        self._apart: list[SlowSender] = []
        if slow.connections:
            recorders = [Recorder(kinds[0].usual_status)]
            beside = Exchange(address, None, part.timeout_ns, kinds[:1], take_turns(kinds[:1], 0, Stamping()), tls=tls)
            self._apart = [
                SlowSender(loop, beside, slow.pace_ns, recorders, self._gate) for _ in range(slow.connections)
            ]
            self.recorders = [*self.recorders, *recorders]

    @property
    def in_flight(self) -> int:
        """How many users are not silent yet: a request is under way, or a stream is open."""
        return self.load.in_flight + len(_kinds_in_flight(self._slow)) + len(_kinds_in_flight(self._apart))

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
        for sender in (*self._slow, *self._apart):
            group.start(sender.run(), "slow sender")

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
        self._gate.open()

    def begin_window(self, start_ns: int, duration_ns: int) -> None:
        """Begin a window: what was recorded before counts for nothing, nor do requests that were due and not sent.

        Those in flight are carried over into the window.
        """
        self._taken(0, 0, tuple(Metric))
        self._answered_before = self._answered
        self._compared_before = self._count_compared()
        under_way = (self.load.kinds_in_flight(), _kinds_in_flight(self._slow), _kinds_in_flight(self._apart))
        self._carried_over = sum(map(len, under_way))
        if self._agenda is not None:
            self._carried_over += self._agenda.granted
            self._agenda.begin(self._arrivals_ns(start_ns, duration_ns, self._ramps, 0))
        if self.allowance is not None:
            assert isinstance(self._part.pacing, ClosedPacing)
            self.allowance.begin((self._part.pacing.requests or 0) - self._carried_over)

    def take_interval(self, start_ns: int, end_ns: int) -> Recorded:
        """Return what was recorded since the last call."""
        return Recorded(self._taken(start_ns, end_ns, EACH_INTERVAL))

    def finish(self, began_ns: int, now_ns: int) -> Finished:
        """Have all users wait for the next window; return what is left undone, and the rest of what was recorded."""
        self._gate.close()
        if self.allowance is not None:
            self.allowance.end()
        about_to_send, dropped = self._agenda.drop_overdue(now_ns) if self._agenda is not None else ([], 0)
        cut = [*self.load.kinds_in_flight(), *_kinds_in_flight(self._slow), *self.load.kinds_of(about_to_send)]
        cut += [len(self.recorders) - 1] * len(_kinds_in_flight(self._apart))
        never_sent = [self._next_turn()[3] for _ in range(dropped)]  # drawn now, in their shares
        rest = self._taken(0, now_ns - began_ns, ONCE_A_WINDOW)
        ages = Histogram()
        ages.fold([max(age_ns, 0) for age_ns in self.load.ages_ns(now_ns)])
        compared = self._count_compared() - self._compared_before
        return Finished(
            self._by_kind(cut),
            self._by_kind(never_sent),
            rest,
            self._carried_over,
            ages.drain(),
            compared,
            self._tls.session if self._tls is not None else None,
            self._answered_before,
        )

    def drained(self) -> Drained:
        """Return what became of the requests that were in flight when the window ended."""
        return Drained(self._taken(0, 0, [Metric.RESPONSE]), time.monotonic_ns() - self._sends_since_ns)

    def adapt_stamps(self) -> None:
        """Have as many answers stamped as the window needs, by how many have come since the warm-up began."""
        if isinstance(self._part.pacing, ClosedPacing) and self._part.pacing.requests is not None:
            self._stamping.adapt(self._part.pacing.requests, 1, 1)
            return
        answered = self._answered + sum(recorder.answered for recorder in self.recorders)
        self._stamping.adapt(answered, time.monotonic_ns() - self._sends_since_ns, self._window_ns)

    def _count_compared(self) -> int:
        return sum(kind.check.compared for kind in self._kinds if kind.check is not None)

    def _by_kind(self, kinds: Sequence[int]) -> list[int]:
        counts = Counter(kinds)
        return [counts[kind] for kind in range(len(self.recorders))]

    def _taken(self, start_ns: int, end_ns: int, metrics: Collection[Metric]) -> list[bytes]:
        self._answered += sum(recorder.answered for recorder in self.recorders)
        self.load.count_unasked()
        return [recorder.take(start_ns, end_ns, metrics).to_bytes() for recorder in self.recorders]

    def _allowance(self, pacing: ClosedPacing | OpenPacing, users: int) -> Allowance | None:
        if isinstance(pacing, OpenPacing) or pacing.requests is None:
            return None
        return Allowance(self._loop, users, self._thinking(pacing))

    def _thinking(self, pacing: ClosedPacing | OpenPacing) -> ThinkTime | None:
        if isinstance(pacing, OpenPacing) or not pacing.think_ns:
            return None
        return ThinkTime(self._loop, self._gate, pacing.think_ns, pacing.think_times, self._pauses_seed)

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


def check_of(request: WeightedRequest) -> AnswerCheck | None:
    """Return what compares the answers to a request, None if only their status matters."""
    if request.expected_body is None and not request.expected_headers:
        return None
    return AnswerCheck(request.expected_body, request.expected_headers)


async def fold_regularly(loop: Loop, crew: Crew) -> None:
    """Keep the recorders' memory bounded, and stamps as dense as needed, until cancelled."""
    while True:
        await loop.sleep(_FOLD_EVERY_NS)
        crew.adapt_stamps()
        for recorder in crew.recorders:
            if recorder.waiting >= _WORTH_FOLDING:
                recorder.fold()


def _kinds_in_flight(senders: Sequence[SlowSender]) -> list[int]:
    return [sender.kind_in_flight for sender in senders if sender.kind_in_flight is not None]


if __name__ == "__main__":
    run(work)
