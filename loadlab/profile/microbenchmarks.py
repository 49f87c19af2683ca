"""The sections `wait` and `switch`: what the profiles without a network measure."""

from typing import Annotated, Literal

from pydantic import Field

from loadlab.profile.values import Count, Section


class Wait(Section):
    """What one wait call costs while so many descriptors are watched, after the bench.c of libevent."""

    method: Literal["select", "poll", "epoll"] = Field(description="The system call that waits.")
    descriptors: Annotated[int, Count(1, 1_000_000)] = Field(description="How many descriptors are watched.")
    channel: Literal["pipe", "socketpair", "eventfd"] = Field(
        default="pipe", description="What is watched; an eventfd takes one open file, the others two."
    )
    active: Annotated[int, Count(1, 1_000_000)] = Field(
        default=1, description="How many of them are ready at once, drawn at random."
    )
    writes: Annotated[int, Count(0, 100_000_000)] = Field(
        default=0, description="Chained writes of a run: whoever is read writes to the next, until so many are spent."
    )
    calls: Annotated[int, Count(1, 100_000_000)] = Field(default=2000, description="How many calls are timed.")


class Switch(Section):
    """What it costs to pass control from one unit of execution to another, and to keep one."""

    unit: Literal["call", "generator", "bare-coroutine", "coroutine", "thread", "process"] = Field(
        description="What is switched to; a coroutine runs on loadlab's own loop, a bare one is resumed by hand."
    )
    count: Annotated[int, Count(1, 1_000_000)] = Field(
        description="How many are alive at once, for the memory that each takes."
    )
