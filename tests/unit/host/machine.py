"""A healthy machine to judge, and the changes that make it ill."""

from dataclasses import replace
from typing import Any

from loadlab.host.machine import (
    Condition,
    Files,
    Memory,
    Network,
    Processor,
    TaskLimit,
    Tasks,
)

GIB = 1 << 30

HEALTHY = Condition(
    processor=Processor(
        cores=(0, 1, 2, 3),
        load_average=0.1,
        governors=frozenset({"performance"}),
        clock_source="tsc",
        clock_sources=("tsc", "hpet"),
    ),
    memory=Memory(total_bytes=16 * GIB, available_bytes=12 * GIB, swapped_bytes=0, tcp_pressure_bytes=1_000_000 * 1024),
    files=Files(
        soft=1024, hard=20_000, highest_hard=1 << 20, machine=2_000_000, machine_open=1_000, machine_binds=False
    ),
    network=Network(local_ports=(32_768, 60_999), backlog=4096, handshakes=2048, tracked=None, most_tracked=None),
    tasks=Tasks(limits=(TaskLimit("kernel.pid_max", 32_768, 200),), most_maps=65_530),
)


def machine(part: str | None = None, **changes: Any) -> Condition:  # noqa: ANN401 - as different as the fields
    """Return the healthy machine with changes in one of its parts, or in what it says of us."""
    if part is None:
        return replace(HEALTHY, **changes)
    return replace(HEALTHY, **{part: replace(getattr(HEALTHY, part), **changes)})
