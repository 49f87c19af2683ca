"""What one wait for a few ready descriptors among n costs, by select, poll and epoll.

Two forms. In the first, one random descriptor (or `active` of them) is made ready, waited for, and read: the operation
of table 63-9 in Kerrisk's "The Linux Programming Interface" (2010), which for 10,000 descriptors and 100,000 operations
found 990 s with poll, 930 s with select and 0.66 s with epoll. In the second, the chain of libevent's test/bench.c,
each read makes the next descriptor ready.

The random one must be random: select and poll are dearer the further back the ready one is (see `waiting`).
"""

import os
import random
import statistics
from time import perf_counter_ns
from typing import Final

from loadlab.micro.messages import ChannelKind, Method, MicroFigures, WaitCostPart
from loadlab.micro.waiting import Channels, Wait, open_channels, open_wait

_BATCHES: Final = 20
_CHAIN_RUNS: Final = 25  # as many as bench.c
_OVERHEAD_CALLS: Final = 1_000
_SEED: Final = 63_9  # the same descriptors in each run, and for each method


def measure_wait_cost(part: WaitCostPart) -> MicroFigures:
    """Measure what `part` describes. Raises LoadlabError if the machine's limits do not allow it."""
    overhead_ns = _measure_overhead(part.method, part.channel)
    with open_channels(part.channel, part.descriptors) as channels:
        measure = _measure_chain if part.writes else _measure_operations
        return measure(part, channels, overhead_ns)


def _measure_overhead(method: Method, kind: ChannelKind) -> float:
    """Return how long a wait on one silent descriptor takes: reading the clock, Python, and entering the kernel."""
    with open_channels(kind, 1) as channels, open_wait(method, channels.watched, 1, may_sleep=False) as wait:
        waits = []
        for _ in range(_OVERHEAD_CALLS):
            before_ns = perf_counter_ns()
            wait()
            waits.append(perf_counter_ns() - before_ns)
    return statistics.median(waits)


def _measure_operations(part: WaitCostPart, channels: Channels, overhead_ns: float) -> MicroFigures:
    chooser = random.Random(_SEED)
    calls = -(-part.calls // _BATCHES)
    with open_wait(part.method, channels.watched, part.active, may_sleep=True) as wait:
        batches = [
            _run_operations([chooser.sample(channels.writing, part.active) for _ in range(calls)], wait, channels.token)
            for _ in range(_BATCHES)
        ]
    waits = [wait_ns / calls for wait_ns, _ in batches]
    return MicroFigures(
        cost_ns=statistics.median(waits),
        cost_ns_min=min(waits),
        overhead_ns=overhead_ns,
        operation_ns=statistics.median(operation_ns / calls for _, operation_ns in batches),
        descriptors=part.descriptors,
        repeats=_BATCHES,
    )


def _run_operations(chosen: list[list[int]], wait: Wait, token: bytes) -> tuple[int, int]:
    """Write to each list of `chosen` in turn, wait, read; return how long the waits and how long all of it took."""
    write, read, clock, token_bytes = os.write, os.read, perf_counter_ns, len(token)
    waits_ns = 0
    start_ns = clock()
    for writing in chosen:
        for fd in writing:
            write(fd, token)
        before_ns = clock()
        ready = wait()
        waits_ns += clock() - before_ns
        for fd, _ in ready:
            read(fd, token_bytes)
    return waits_ns, clock() - start_ns


def _measure_chain(part: WaitCostPart, channels: Channels, overhead_ns: float) -> MicroFigures:
    with open_wait(part.method, channels.watched, part.active, may_sleep=False) as wait:
        runs = [_run_chain(part, channels, wait) for _ in range(_CHAIN_RUNS)]
    events = part.active + part.writes
    return MicroFigures(
        cost_ns=statistics.median(runs) / events,
        cost_ns_min=min(runs) / events,
        overhead_ns=overhead_ns,
        run_ns=statistics.median(runs),
        descriptors=part.descriptors,
        repeats=_CHAIN_RUNS,
    )


def _run_chain(part: WaitCostPart, channels: Channels, wait: Wait) -> int:
    """Make `active` descriptors ready, evenly spaced; pass each on until the writes are spent; return the time."""
    write, read, token, token_bytes = os.write, os.read, channels.token, len(channels.token)
    next_writing = dict(zip(channels.watched, [*channels.writing[1:], channels.writing[0]], strict=True))
    for fd in channels.writing[:: part.descriptors // part.active][: part.active]:
        write(fd, token)
    under_way, writes_left = part.active, part.writes
    start_ns = perf_counter_ns()
    while under_way:
        for fd, _ in wait():
            read(fd, token_bytes)
            if writes_left:
                write(next_writing[fd], token)
                writes_left -= 1
            else:
                under_way -= 1
    return perf_counter_ns() - start_ns
