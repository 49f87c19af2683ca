"""What a micro worker is to measure, and what it has found: one JSON object each way, on one line."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from loadlab.errors import LoadlabError


class Method(StrEnum):
    """The system call that waits."""

    SELECT = "select"
    POLL = "poll"
    EPOLL = "epoll"


class ChannelKind(StrEnum):
    """What is watched. A pipe or a socket pair costs two descriptors for each one watched, an eventfd only itself."""

    PIPE = "pipe"
    SOCKETPAIR = "socketpair"
    EVENTFD = "eventfd"


class Unit(StrEnum):
    """What control is passed between."""

    CALL = "call"
    GENERATOR = "generator"
    BARE_COROUTINE = "bare-coroutine"  # `async def`, resumed by its `send`, with no loop
    COROUTINE = "coroutine"  # a task on loadlab.kernel's loop
    THREAD = "thread"
    PROCESS = "process"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WaitCostPart(_Message):
    """Measure waiting for `active` ready ones among `descriptors`.

    Without `writes`: `calls` operations, in each of which `active` random descriptors are made ready, found by one
    wait, and read. With `writes`: a chain, in which `active` descriptors are ready at first and each read makes the
    next descriptor ready, until that was done `writes` times; run 25 times, and `calls` does not matter.
    """

    kind: Literal["wait-cost"] = "wait-cost"
    method: Method
    descriptors: int = Field(ge=1)
    channel: ChannelKind = ChannelKind.PIPE
    active: int = Field(default=1, ge=1)
    writes: int = Field(default=0, ge=0)
    calls: int = Field(default=2_000, ge=1)

    @model_validator(mode="after")
    def _check_active(self) -> Self:
        if self.active > self.descriptors:
            raise ValueError(f"{self.active} cannot be active among {self.descriptors} descriptors; set fewer")
        return self


class SwitchCostPart(_Message):
    """Measure passing control from one `unit` to another, and the memory of `count` of them."""

    kind: Literal["switch-cost"] = "switch-cost"
    unit: Unit
    count: int = Field(ge=1)


MicroPart = WaitCostPart | SwitchCostPart
_PART: Final[TypeAdapter[MicroPart]] = TypeAdapter(Annotated[MicroPart, Field(discriminator="kind")])


class MicroFigures(_Message):
    """What was found, times in nanoseconds; what does not apply is null.

    A batch gives the mean of its calls; all batches give their median and their minimum.
    """

    cost_ns: float
    """One wait, one event of a chain, or one switch: the median of all batches, `overhead_ns` included."""

    cost_ns_min: float
    """The same of the least disturbed batch."""

    overhead_ns: float
    """The overhead of measuring within `cost_ns`: the loop around a switch, or a wait on one silent descriptor."""

    repeats: int
    """How many batches, or runs of the chain."""

    descriptors: int | None = None
    """How many were watched."""

    operation_ns: float | None = None
    """Making ready, the wait, and reading what was ready: what "The Linux Programming Interface", table 63-9, times."""

    run_ns: float | None = None
    """A whole run of the chain: what libevent's bench.c prints, in microseconds."""

    bytes_per_unit: float | None = None
    """The memory in user space of one more unit, as `switch_cost.read_anonymous_bytes` counts it."""


def decode_part(line: str | bytes) -> MicroPart:
    """Read what is to be measured. Raises LoadlabError with everything that is wrong with it."""
    try:
        return _PART.validate_json(line)
    except ValidationError as error:
        mistakes = [
            ": ".join([*(str(name) for name in mistake["loc"]), mistake["msg"]])
            for mistake in error.errors(include_url=False)
        ]
        raise LoadlabError(f"this is not a part of a microbenchmark: {'; '.join(mistakes)}") from error
