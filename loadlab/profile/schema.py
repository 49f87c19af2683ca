"""What a profile holds: its sections and keys, their bounds and defaults. docs/profile.md explains them by example.

A key is a field's alias where the attribute carries its unit: `duration` in YAML is `duration_ns` here. A profile
dumped as JSON (`model_dump(mode="json", by_alias=True)`) is itself a valid profile.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from loadlab.profile.expect import ExpectEntry
from loadlab.profile.load import Load, MixedRequest
from loadlab.profile.target import Target
from loadlab.profile.values import Count, Scalar, Section, Text, describe

Core = Annotated[int, Count(0, 4095)]
ALL_PROBES: Final = ("procfs", "sockets", "syscalls", "cpu")
Probe = Literal["procfs", "syscalls", "syscalls:bpftrace", "syscalls:perf", "syscalls:strace", "cpu", "sockets"]


class Cores(Section):
    """Chosen cores, by their numbers."""

    target: Annotated[tuple[Core, ...], Field(min_length=1)] | None = Field(
        default=None, description="The cores of a bundled target; one that runs already stays where it is."
    )
    load: tuple[Core, ...] = Field(min_length=1, description="The cores of the load workers and idle holders.")


def _read_placement(value: object) -> object:
    if isinstance(value, dict):
        return Cores.model_validate(value)
    if value not in ("auto", "none") and not isinstance(value, Cores):
        raise ValueError(f"must be auto, none, or lists of cores for target and load, not {describe(value)}")
    return value


def _read_probes(value: object) -> object:
    return ALL_PROBES if value == "all" else value


def _allow_all(schema: dict[str, Any]) -> None:
    listed = {key: schema.pop(key) for key in ("items", "type")} | {"uniqueItems": True}
    schema["anyOf"] = [{"const": "all"}, listed]


class Plot(Section):
    """What the page draws over what: a metric over paths of the profile."""

    x: str = Field(description="The path on the horizontal axis.")
    series: str | None = Field(default=None, description="The path with one line per value.")
    y: str | None = Field(
        default=None,
        description="The metric on the vertical axis; by default requests_per_second, without a network cost_ns.",
    )


class Profile(Section):
    """One experiment: what every kind of it says of itself. What it measures, its kind adds, and a sweep may vary."""

    default_metric: ClassVar[str]
    law_metric: ClassVar[str]
    """What laws are fitted to, over `plot.x`: a cost in ns."""

    name: Annotated[
        str,
        Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of at most 64 letters, digits, dots, dashes or underscores"),
    ] = Field(description="Names the run directory.")
    about: str = Field(default="", description="What the experiment shows; stands at the head of the page.")
    kind: str = Field(description="What is measured: a server under load, or one microbenchmark without a network.")
    sweep: dict[str, Annotated[tuple[Scalar, ...], Field(min_length=1)]] = Field(
        default={}, description="Paths of the profile and the values to try; the trials are the product."
    )
    repeat: Annotated[int, Count(1, 1000)] = Field(
        default=1, description="How often each trial is made; repeats are interleaved."
    )
    seed: Annotated[int, Count(0, 2**63 - 1)] | None = Field(
        default=None,
        description="Fixes the order of the trials, and what the load draws at random; drawn and recorded when absent.",
    )
    plot: Plot | None = Field(default=None, description="What the page draws over what.")
    expect: tuple[ExpectEntry, ...] = Field(
        default=(),
        description='What the trials must meet, such as "p99 <= 50ms", or the laws of the run, such as "slope of '
        'cpu_per_request over load.idle < 1ns"; else exit code 1.',
    )

    @property
    def plotted_metric(self) -> str:
        """The metric on the vertical axis of the page's first figure."""
        return self.plot.y if self.plot and self.plot.y else self.default_metric


class LoadProfile(Profile):
    """A server under load."""

    default_metric = "requests_per_second"
    law_metric = "target.cpu_ns_per_request"

    kind: Literal["load"] = Field(default="load", description="A server under load.")
    target: Target = Field(description="What is measured.")
    load: Load = Field(description="Who asks the target for what.")
    placement: Annotated[Literal["auto", "none"] | Cores, BeforeValidator(_read_placement)] = Field(
        default="auto",
        description="Which cores target and load run on; auto keeps them apart, none leaves it to the kernel.",
    )
    probes: Annotated[tuple[Probe, ...], BeforeValidator(_read_probes)] = Field(
        default=("procfs", "sockets"),
        description="What is watched besides: procfs and sockets during the measurement; syscalls and cpu, which slow "
        "the target, each in a further pass of the same trial. syscalls takes the best tracer that works here, or the "
        "one behind its colon. all is every one of them.",
        json_schema_extra=_allow_all,
    )

    @property
    def syscalls_tracer(self) -> str | None:
        """The tracer that the probe `syscalls` is to use, "" for the best one; None if the probe is not asked for."""
        asked = [probe for probe in self.probes if probe.partition(":")[0] == "syscalls"]
        return asked[0].partition(":")[2] if asked else None

    @property
    def requests(self) -> tuple[MixedRequest, ...]:
        """The requests that the load draws from by their weights, at least one."""
        load, target = self.load, self.target
        path = load.path or (f"/{target.handler}" if target.server is not None else "/")
        return load.mix or (MixedRequest(path=path, expect_status=load.expect_status),)


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


class WaitCostProfile(Profile):
    """A microbenchmark: what select, poll and epoll cost, without a network."""

    default_metric = "cost_ns"
    law_metric = "cost_ns"

    kind: Literal["wait-cost"] = Field(description="What select, poll and epoll cost, without a network.")
    wait: Wait = Field(description="The call that waits, and what it watches.")


class Switch(Section):
    """What it costs to pass control from one unit of execution to another, and to keep one."""

    unit: Literal["call", "generator", "bare-coroutine", "coroutine", "thread", "process"] = Field(
        description="What is switched to; a coroutine runs on loadlab's own loop, a bare one is resumed by hand."
    )
    count: Annotated[int, Count(1, 1_000_000)] = Field(
        description="How many are alive at once, for the memory that each takes."
    )


class SwitchCostProfile(Profile):
    """A microbenchmark: what it costs to switch between calls, generators, coroutines, threads and processes."""

    default_metric = "cost_ns"
    law_metric = "cost_ns"

    kind: Literal["switch-cost"] = Field(description="What a switch between units of execution costs.")
    switch: Switch = Field(description="What is switched to.")


KINDS: Final[Mapping[str, type[Profile]]] = MappingProxyType(
    {"load": LoadProfile, "wait-cost": WaitCostProfile, "switch-cost": SwitchCostProfile}
)


def model_of(data: Mapping[str, Any]) -> type[Profile]:
    """Return the model that a profile's plain data is checked against; raise ValueError if its kind is none of ours."""
    kind = data.get("kind", "load")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"must be {', '.join([*KINDS][:-1])} or {[*KINDS][-1]}, not {describe(kind)}")
    return KINDS[kind]
