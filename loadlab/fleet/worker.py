"""A load worker process, `python -m loadlab.fleet.worker`: its share of the load, recorded interval by interval."""

import gc
import time
from collections.abc import Iterator, Sequence
from typing import Final

from loadlab.fleet.channel import Channel
from loadlab.fleet.messages import Finished, LoadPart, Ready, Recorded, Start
from loadlab.kernel import Loop, TaskGroup, run
from loadlab.load.active import ActiveLoad
from loadlab.load.pacing import Agenda, Gate, ThinkTime
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.schedule import Ramp, arrival_times_ns
from loadlab.load.slow import SlowSender
from loadlab.load.user import Exchange
from loadlab.recording.recorder import Recorder

# Folding costs 0.1 ms, and 0.2 us for each request. Not before there are many, or a slow schedule is late for it too
# often; and not so many that all who wait meanwhile are late: every 20 ms it was 0.5 ms for 1,500 requests, and so the
# 99th percentile of a closed load was the client's.
_FOLD_EVERY_NS: Final = 4_000_000
_WORTH_FOLDING: Final = 200


async def work(loop: Loop) -> None:
    """Serve one LoadPart; end when the coordinator does."""
    channel = Channel(loop)
    part = await channel.receive()
    if not isinstance(part, LoadPart):
        return
    crew = Crew(loop, part)
    await crew.load.open()
    # No cyclic garbage collection in the measured window: what exists is frozen, and the hot path makes no cycles.
    gc.collect()
    gc.freeze()
    gc.disable()
    channel.send(Ready())
    start = await channel.receive()
    if not isinstance(start, Start):
        return
    start_ns = time.monotonic_ns() + start.unix_ns - time.time_ns()
    await loop.sleep_until(start_ns)
    async with loop.task_group() as group:
        crew.start(group, start_ns)
        group.start(fold_regularly(loop, crew.recorders), "fold samples")
        finished = await record_window(loop, channel, part, crew, start_ns)
        # The coordinator says Stop when it has read what the processes used: the end of a connection may be the end of
        # a process or thread of the target, with all that it used.
        await channel.receive()
        group.cancel()
    channel.send(finished)
    while await channel.receive() is not None:
        pass


class Crew:
    """Everyone who sends in this process, and a recorder for each kind of request; that of slow senders comes last."""

    def __init__(self, loop: Loop, part: LoadPart) -> None:
        address = (part.host, part.port)
        kinds = [RequestKind(text.encode("latin-1"), status, weight) for text, status, weight in part.kinds]
        seed = part.seed + part.share
        next_turn = take_turns(kinds, seed, part.stamped_every)
        exchanges = [
            Exchange(address, source, "GET", part.timeout_ns, next_turn)
            for source, connections in part.sources
            for _ in range(connections)
        ]
        self.recorders = [Recorder() for _ in kinds]
        fast, slow = ([], exchanges) if part.senders == "slow" else (exchanges, [])
        self._loop = loop
        self._part = part
        self._agenda = Agenda(loop, len(fast), part.spin_ns) if part.schedule else None
        self._gate = Gate(loop)
        thinking = ThinkTime(loop, self._gate, part.think_ns, part.think_times, seed) if part.think_ns else None
        self.load = ActiveLoad(loop, fast, self.recorders, self._gate, self._agenda or thinking)
        self.slow_senders = [SlowSender(loop, exchange, part.pace_ns, self.recorders, self._gate) for exchange in slow]
        if part.slow_connections:
            apart = [Recorder()]
            beside = Exchange(address, None, "GET", part.timeout_ns, take_turns(kinds[:1], seed))
            self.slow_senders += [
                SlowSender(loop, beside, part.pace_ns, apart, self._gate) for _ in range(part.slow_connections)
            ]
            self.recorders = [*self.recorders, *apart]

    def start(self, group: TaskGroup, start_ns: int) -> None:
        """Let all send from `start_ns` on until the group is cancelled."""
        if self._agenda is not None:
            self._agenda.begin(map(start_ns.__add__, self._arrivals_ns()))
            self._loop.pacer = self._agenda
        group.start(self.load.run(), "active load")
        for sender in self.slow_senders:
            group.start(sender.run(), "slow sender")
        self._gate.open()

    def take(self, start_ns: int, end_ns: int) -> Recorded:
        """Return what was recorded since the last call."""
        return Recorded([recorder.take(start_ns, end_ns).to_plain() for recorder in self.recorders])

    def end_window(self, now_ns: int) -> Finished:
        """Return what is left undone, and forget what nobody has sent: no later request is to wait behind it."""
        soon, dropped = self._agenda.drop_overdue(now_ns) if self._agenda is not None else (0, 0)
        # Slow senders beside fast ones are recorded apart, and so do not count here.
        slow = sum(sender.in_flight for sender in self.slow_senders) if self._part.senders == "slow" else 0
        return Finished(cut=self.load.in_flight + slow + soon, dropped=dropped)

    def _arrivals_ns(self) -> Iterator[int]:
        """Return this part's arrivals from the start of the warm-up, which has the schedule's first rate."""
        part = self._part
        ramps = [Ramp(*ramp) for ramp in part.schedule]
        warmup = Ramp(part.warmup_ns, ramps[0].from_rate, ramps[0].from_rate)
        return arrival_times_ns([warmup, *ramps], part.arrivals, part.seed, part.share, part.shares)


async def record_window(loop: Loop, channel: Channel, part: LoadPart, crew: Crew, start_ns: int) -> Finished:
    """Let the warm-up pass, then send what was recorded at the end of each interval of the window.

    Return what was left undone at its end.
    """
    await loop.sleep_until(start_ns + part.warmup_ns)
    crew.take(0, 0)  # what the warm-up recorded counts for nothing
    window_start_ns = interval_start_ns = time.monotonic_ns()
    window_end_ns = window_start_ns + part.duration_ns
    while interval_start_ns < window_end_ns:
        interval_end_ns = interval_start_ns + part.interval_ns
        # No last interval of a few milliseconds: a rate over that says nothing.
        last = interval_end_ns + part.interval_ns // 2 > window_end_ns
        await loop.sleep_until(window_end_ns if last else interval_end_ns)
        now_ns = time.monotonic_ns()
        channel.send(crew.take(interval_start_ns - window_start_ns, now_ns - window_start_ns))
        interval_start_ns = now_ns
    return crew.end_window(interval_start_ns)


async def fold_regularly(loop: Loop, recorders: Sequence[Recorder]) -> None:
    """Keep the recorders' memory bounded, until cancelled."""
    while True:
        await loop.sleep(_FOLD_EVERY_NS)
        for recorder in recorders:
            if recorder.waiting >= _WORTH_FOLDING:
                recorder.fold()


if __name__ == "__main__":
    run(work)
