"""What TCP had and counted on the whole machine, from the probe `sockets`."""

import itertools
from collections.abc import Iterator
from typing import Final

from loadlab.report.over_time.movement import state_moved
from loadlab.report.over_time.panel import Line, Panel
from loadlab.results.model import SocketsProbe
from loadlab.results.sockets import SocketsReading

_KIB: Final = 1 << 10


def socket_panels(probe: SocketsProbe) -> Iterator[Panel]:
    """Yield the panels of a probe with times; runs of before there were times have none."""
    readings = [(reading.at_ns / 1e9, reading) for reading in probe.readings if reading.at_ns is not None]
    if len(readings) < 3:
        return
    seconds = tuple(moment for moment, _ in readings)
    states = [reading for _, reading in readings]
    sockets = (
        Line("in use", tuple(reading.in_use for reading in states)),
        Line("in TIME_WAIT", tuple(reading.time_wait for reading in states)),
        Line("without a process", tuple(reading.orphans for reading in states)),
    )
    buffers = Line("", tuple(reading.buffers_bytes / _KIB for reading in states))
    moved = any(state_moved(line.values, least=64, share=0.05) for line in sockets)
    yield Panel("TCP sockets of the machine", "", "points", seconds, sockets, moved)
    # The kernel adds up each core's part only now and then, so that half a MiB comes and goes on an idle machine.
    buffers_moved = state_moved(buffers.values, least=1024, share=0.2)
    yield Panel("Memory of TCP buffers", "KiB", "points", seconds, (buffers,), buffers_moved)
    yield _trouble(seconds, states)


def _trouble(seconds: tuple[float, ...], states: list[SocketsReading]) -> Panel:
    """What should not happen at all: any of it is a movement."""
    counted = [after.counters.since(before.counters) for before, after in itertools.pairwise(states)]
    lengths = [end - start for start, end in itertools.pairwise(seconds)]
    counts = {
        "sent again": [each.retransmitted for each in counted],
        "accept queue full": [each.listen_overflows for each in counted],
        "dropped": [each.listen_drops for each in counted],
    }
    return Panel(
        title="TCP retransmits and drops",
        unit="/s",
        shape="steps",
        seconds=seconds,
        lines=tuple(
            Line(name, tuple(count / length for count, length in zip(each, lengths, strict=True)))
            for name, each in counts.items()
        ),
        moved=any(any(each) for each in counts.values()),
    )
