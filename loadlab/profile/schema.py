"""The schema of a profile: its sections and keys, their bounds and defaults. docs/profile.md explains them by example.

A key is a field's alias where the attribute carries its unit: `duration` in YAML is `duration_ns` here. A profile
dumped as JSON (`model_dump(mode="json", by_alias=True)`) is itself a valid profile.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from loadlab.profile.expect import ExpectEntry
from loadlab.profile.http_values import template_as_sent
from loadlab.profile.load import Load, handler_of
from loadlab.profile.metrics import full_name
from loadlab.profile.request import MixedRequest
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.target import Target
from loadlab.profile.values import Count, HostName, Name, Scalar, Section, describe

Core = Annotated[int, Count(0, 4095, "0")]
HANDLERS_BY_PROTOCOL: Final[Mapping[str, str]] = MappingProxyType(
    {"websocket": "echo", "events": "events", "tcp": "tcp-echo"}
)
"""The handlers of bundled servers that speak something else than requests and responses."""

ALL_PROBES: Final = ("procfs", "sockets", "syscalls", "cpu")
Probe = Literal["procfs", "sockets", "syscalls", "syscalls:bpftrace", "syscalls:perf", "syscalls:strace", "cpu"]


class Cores(Section):
    """Chosen cores, by their numbers."""

    target: Annotated[tuple[Core, ...], Field(min_length=1)] | None = Field(
        default=None, description="The cores of a bundled server; a running one stays on its own."
    )
    load: tuple[Core, ...] = Field(min_length=1, description="The cores of the client.")


def _read_placement(value: object) -> object:
    if isinstance(value, dict):
        return Cores.model_validate(value)
    if value not in ("auto", "none") and not isinstance(value, Cores):
        raise ValueError(f"must be auto, none, or cores such as {{target: [0], load: [1]}}, not {describe(value)}")
    return value


def _read_probes(value: object) -> object:
    if value == "all":
        return ALL_PROBES
    if isinstance(value, str):
        if value not in get_args(Probe):
            near = did_you_mean(value, ("all", *get_args(Probe)))
            raise ValueError(f"must be all, or a list of {', '.join(ALL_PROBES)}, not {describe(value)}{near}")
        return (value,)
    return value


def _allow_one_or_all(schema: dict[str, Any]) -> None:
    listed = {key: schema.pop(key) for key in ("items", "type")} | {"uniqueItems": True}
    schema["anyOf"] = [{"enum": ["all", *get_args(Probe)]}, listed]


class Plot(Section):
    """The first figure of the page: a metric over paths of the profile."""

    x: str = Field(description="The path on the horizontal axis.")
    series: str | None = Field(default=None, description="The path whose values are the lines of the figure.")
    y: Annotated[str, AfterValidator(full_name)] | None = Field(
        default=None,
        description="The metric on the vertical axis; by default requests_per_second, without a network cost_ns.",
    )


class Profile(Section):
    """The keys of every profile. Each kind adds the sections that say what is measured, which a sweep may vary."""

    default_metric: ClassVar[str]
    law_metric: ClassVar[str]
    """What laws are fitted to, over `plot.x`: a cost in ns."""
    micro_metrics: ClassVar[tuple[str, ...]] = ()
    """All metrics of a microbenchmark; none for a server under load, which has all others."""

    name: Annotated[str, Name(64)] = Field(description="Names the run directory.")
    about: str = Field(default="", description="What the experiment shows, printed at the head of the page.")
    kind: str = Field(description="What is measured: a server under load, or one microbenchmark without a network.")
    sweep: dict[str, Annotated[tuple[Scalar | tuple[str | int, ...], ...], Field(min_length=1)]] = Field(
        default={}, description="Paths of the profile and the values to try; the trials are the product."
    )
    repeat: Annotated[int, Count(1, 1000, "3")] = Field(
        default=1, description="How many times each trial is measured; repeats are interleaved."
    )
    seed: Annotated[int, Count(0, 2**63 - 1, "42")] | None = Field(
        default=None,
        description="Fixes the order of the trials and all random draws of the load; by default drawn and recorded.",
    )
    plot: Plot | None = Field(default=None, description="The first figure of the page.")
    expect: tuple[ExpectEntry, ...] = Field(
        default=(),
        description='What the trials must meet, such as "p99 <= 50ms", or the laws of the run, such as "slope of '
        'cpu_per_request over load.idle < 1ns"; else exit code 1.',
    )

    @property
    def in_rounds(self) -> bool:
        """Whether each trial is measured in several windows, in turn with others."""
        return False

    @property
    def plotted_metric(self) -> str:
        """The metric on the vertical axis of the page's first figure."""
        return self.plot.y if self.plot and self.plot.y else self.default_metric


class LoadProfile(Profile):
    """A server under load."""

    default_metric = "requests_per_second"
    law_metric = "target.cpu_ns_per_request"

    kind: Literal["load"] = Field(default="load", description="A server under load.")
    target: Target = Field(description="The server to measure.")
    load: Load = Field(description="The connections of the client, and what they send.")
    placement: Annotated[Literal["auto", "none"] | Cores, BeforeValidator(_read_placement)] = Field(
        default="auto",
        description="The cores of target and client; auto keeps them apart, none leaves them to the kernel.",
    )
    probes: Annotated[tuple[Probe, ...], BeforeValidator(_read_probes)] = Field(
        default=("procfs", "sockets"),
        description="What is watched: procfs and sockets during the measurement; syscalls and cpu, which slow the "
        "target, each in a further pass of the same trial. syscalls uses the best tracer that works here, or the one "
        "after its colon. A single probe needs no list; all stands for every one.",
        json_schema_extra=_allow_one_or_all,
    )

    rounds: Annotated[int, Count(1, 1000, "10")] = Field(
        default=1,
        description="How many windows each trial is measured in, in turn with those of other trials whose servers "
        "stand at the same time; with more than one, figures have intervals.",
    )
    retries: Annotated[int, Count(0, 10, "2")] = Field(
        default=2, description="How many times a trial is measured again that the machine has spoiled."
    )
    allow_remote: tuple[Annotated[str, HostName()], ...] = Field(
        default=(),
        description="Hosts other than this machine that may be put under load; without it there are none.",
    )

    @property
    def in_rounds(self) -> bool:
        """Whether each trial is measured in several windows, in turn with others."""
        return self.rounds > 1

    @property
    def syscalls_tracer(self) -> str | None:
        """The tracer for the probe `syscalls`, "" for the best one; None without that probe."""
        asked = [probe for probe in self.probes if probe.partition(":")[0] == "syscalls"]
        return asked[0].partition(":")[2] if asked else None

    @property
    def requests(self) -> tuple[MixedRequest, ...]:
        """The requests that the load draws from by their weights, at least one, with their paths as they are sent."""
        load = self.load
        written = load.mix
        if not written:
            asked = load.request.model_dump(by_alias=True) if load.request else {"expect_status": load.expect_status}
            path = (load.request.path if load.request else load.path) or self._default_path(load.protocol)
            written = (MixedRequest.model_validate({**asked, "path": path}),)
        return tuple(request.model_copy(update={"path": template_as_sent(request.path)}) for request in written)

    @property
    def kind_names(self) -> tuple[str, ...]:
        """The names of the requests or messages that the load draws from."""
        return tuple(each.name for each in self.load.sent or self.requests)

    @property
    def idle_request(self) -> MixedRequest:
        """What idle connections ask for, where they ask for anything: the load's own path if it speaks the same."""
        load, first = self.load, self.requests[0].without_body("GET")
        if load.idle_path is None and load.idle_protocol in (load.protocol, "tcp"):
            return first
        path = load.idle_path or self._default_path(load.idle_protocol)
        return first.model_copy(update={"path": template_as_sent(path)})

    @property
    def handlers(self) -> tuple[str, ...]:
        """The handlers that this asks for, at a bundled server; of those of a scenario nothing is known."""
        if self.load.protocol == "tcp":
            return (HANDLERS_BY_PROTOCOL["tcp"],)
        requests = (*(() if self.load.scenario else self.requests), *([self.idle_request] if self.load.idle else []))
        return tuple(handler_of(request.path) for request in requests)

    def _default_path(self, protocol: str) -> str:
        """Return the path of a bundled server's handler, the one that speaks the protocol; of others "/"."""
        if self.target.server is None:
            return "/"
        return f"/{HANDLERS_BY_PROTOCOL.get(protocol, self.target.handler)}"


class Wait(Section):
    """One call that waits, over many descriptors, after libevent's bench.c."""

    method: Literal["select", "poll", "epoll"] = Field(description="The system call that waits.")
    descriptors: Annotated[int, Count(1, 1_000_000)] = Field(description="How many descriptors are watched.")
    channel: Literal["pipe", "socketpair", "eventfd"] = Field(
        default="pipe", description="What is watched; an eventfd takes one open file, the others two."
    )
    active: Annotated[int, Count(1, 1_000_000)] = Field(
        default=1, description="How many of them are ready at once, drawn at random."
    )
    writes: Annotated[int, Count(0, 100_000_000)] = Field(
        default=0, description="Chained writes: each channel that is read writes to the next, up to this number."
    )
    calls: Annotated[int, Count(1, 100_000_000)] = Field(default=2000, description="How many calls are timed.")


class WaitCostProfile(Profile):
    """A microbenchmark: the cost of select, poll and epoll, without a network."""

    default_metric = "cost_ns"
    law_metric = "cost_ns"
    micro_metrics = ("cost_ns", "cost_ns_min", "operation_ns", "run_ns", "overhead_ns")

    kind: Literal["wait-cost"] = Field(description="The cost of select, poll and epoll, without a network.")
    wait: Wait = Field(description="The call that waits, and what it watches.")


class Switch(Section):
    """Passing control from one unit of execution to another, and keeping many alive."""

    unit: Literal["call", "generator", "bare-coroutine", "coroutine", "thread", "process"] = Field(
        description="What is switched to; a coroutine runs on loadlab's own loop, a bare-coroutine without a loop."
    )
    count: Annotated[int, Count(1, 1_000_000)] = Field(
        description="How many are alive at once, to measure the memory of each."
    )


class SwitchCostProfile(Profile):
    """A microbenchmark: the cost of switching to calls, generators, coroutines, threads and processes."""

    default_metric = "cost_ns"
    law_metric = "cost_ns"
    micro_metrics = ("cost_ns", "cost_ns_min", "bytes_per_unit", "overhead_ns")

    kind: Literal["switch-cost"] = Field(description="The cost of a switch between units of execution.")
    switch: Switch = Field(description="What is switched to.")


KINDS: Final[Mapping[str, type[Profile]]] = MappingProxyType(
    {"load": LoadProfile, "wait-cost": WaitCostProfile, "switch-cost": SwitchCostProfile}
)


def model_of(data: Mapping[str, Any]) -> type[Profile]:
    """Return the model for a profile's plain data; raise ValueError for an unknown kind."""
    kind = data.get("kind", "load")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"must be {', '.join([*KINDS][:-1])} or {[*KINDS][-1]}, not {describe(kind)}")
    return KINDS[kind]
