"""A load worker process, `python -m loadlab.fleet.worker`: its share of the load, recorded interval by interval."""

import gc
import time
from typing import Final

from loadlab.fleet.channel import Channel
from loadlab.fleet.messages import Finished, LoadPart, Ready, Recorded, Start
from loadlab.kernel.loop import Loop, run
from loadlab.load.closed import ClosedLoad, Exchange
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

# About a thousand samples at full speed: enough that folding costs 65 ns each, few enough to hold nobody up (0.1 ms).
_FOLD_EVERY_NS: Final = 20_000_000


async def work(loop: Loop) -> None:
    """Serve one LoadPart; end when the coordinator does."""
    channel = Channel(loop)
    part = await channel.receive()
    if not isinstance(part, LoadPart):
        return
    recorder = Recorder()
    load = ClosedLoad(loop, exchanges_of(part), recorder)
    await load.open()
    # No cyclic garbage collection in the measured window: what exists is frozen, and the hot path makes no cycles.
    gc.collect()
    gc.freeze()
    gc.disable()
    channel.send(Ready())
    start = await channel.receive()
    if not isinstance(start, Start):
        return
    start_ns = time.monotonic_ns() + start.unix_ns - time.time_ns()
    async with loop.task_group() as group:
        group.start(measure(loop, channel, part, load, recorder, start_ns), "measure")
        while await channel.receive() is not None:
            pass  # nothing more is asked of a load worker than to end when the coordinator does
        group.cancel()


async def measure(
    loop: Loop, channel: Channel, part: LoadPart, load: ClosedLoad, recorder: Recorder, start_ns: int
) -> None:
    """Warm up, then send a snapshot at the end of each interval of the window, and Finished at the end of the last."""
    await loop.sleep_until(start_ns)
    async with loop.task_group() as group:
        group.start(load.run(), "load")
        group.start(fold_regularly(loop, recorder), "fold samples")
        await loop.sleep_until(start_ns + part.warmup_ns)
        recorder.take(0, 0)  # what the warm-up recorded counts for nothing
        window_start_ns = time.monotonic_ns()
        window_end_ns = window_start_ns + part.duration_ns
        interval_start_ns = window_start_ns
        while (interval_end_ns := interval_start_ns + part.interval_ns) < window_end_ns:
            await loop.sleep_until(interval_end_ns)
            now_ns = time.monotonic_ns()
            snapshot = recorder.take(interval_start_ns - window_start_ns, now_ns - window_start_ns)
            channel.send(Recorded(snapshot.to_plain()))
            interval_start_ns = now_ns
        await loop.sleep_until(window_end_ns)
        # The window ends here: closing a thousand connections takes a while, and what is answered meanwhile is late.
        now_ns = time.monotonic_ns()
        snapshot = recorder.take(interval_start_ns - window_start_ns, now_ns - window_start_ns)
        group.cancel()
    channel.send(Recorded(snapshot.to_plain()))
    channel.send(Finished(recorder.outcomes[Outcome.CUT]))


async def fold_regularly(loop: Loop, recorder: Recorder) -> None:
    """Keep the recorder's memory bounded, until cancelled."""
    while True:
        await loop.sleep(_FOLD_EVERY_NS)
        recorder.fold()


def exchanges_of(part: LoadPart) -> list[Exchange]:
    """Return what each user of `part` does."""
    return [
        Exchange(
            (part.host, part.port),
            source,
            part.request.encode("latin-1"),
            part.method,
            part.status,
            part.timeout_ns,
        )
        for source, connections in part.sources
        for _ in range(connections)
    ]


if __name__ == "__main__":
    run(work)
