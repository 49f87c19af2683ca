"""The section `load`: connections, active and idle, which requests they send, and at what rate."""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from loadlab.profile.http_values import SUCCESS, Statuses
from loadlab.profile.message import Greeting, Message, MixedMessage
from loadlab.profile.request import MixedRequest, Request, RequestData, RequestPath
from loadlab.profile.scenario import SCENARIO
from loadlab.profile.values import (
    DAY_NS,
    HOUR_NS,
    MILLISECOND_NS,
    SECOND_NS,
    Count,
    Duration,
    Section,
    Text,
    Truth,
    describe,
    without_default,
)
from loadlab.units import spell_duration_ns

_MOST_PER_SECOND: Final = 10_000_000
_MOST_STAGES: Final = 100
_MOST_REQUESTS: Final = 1_000_000_000
_LONGEST_COUNTED: Final = "1h"

StageRate = Annotated[int, Count(0, _MOST_PER_SECOND)]


def _read_to(value: object, info: ValidationInfo) -> object:
    # A wrong `from` is not in the data; it is reported by itself.
    return info.data.get("from_rate", 0) if value is None else value


class RateStage(Section):
    """A stage of a ramp: a part of the measured window in which the rate changes linearly."""

    for_ns: Annotated[int, Duration(MILLISECOND_NS, DAY_NS)] = Field(
        alias="for", description="The length of the stage."
    )
    from_rate: StageRate = Field(alias="from", description="Requests per second at its start.")
    to_rate: Annotated[StageRate, BeforeValidator(_read_to)] = Field(
        default=None,
        validate_default=True,
        alias="to",
        json_schema_extra=without_default,
        description="Requests per second at its end; by default as at its start.",
    )


def total_ns(stages: tuple[RateStage, ...]) -> int:
    """Return the length of all stages together."""
    return sum(stage.for_ns for stage in stages)


def _check_stages(stages: tuple[RateStage, ...]) -> tuple[RateStage, ...]:
    if not any(stage.from_rate or stage.to_rate for stage in stages):
        raise ValueError("sends no requests; at least one stage needs a rate above 0")
    if total_ns(stages) > DAY_NS:
        raise ValueError(f"must last at most 24h, not {spell_duration_ns(total_ns(stages))}")
    return stages


Stages = Annotated[tuple[RateStage, ...], Field(min_length=1, max_length=_MOST_STAGES), AfterValidator(_check_stages)]
_PLAIN: Final = Count(1, _MOST_PER_SECOND)
_STAGES: Final[TypeAdapter[tuple[RateStage, ...]]] = TypeAdapter(Stages)


def read_stages(value: object) -> tuple[RateStage, ...]:
    """Return the stages of a ramp; raise pydantic's ValidationError with every mistake in them."""
    return _STAGES.validate_python(value)


def _read_rate(value: object) -> int | tuple[RateStage, ...]:
    # Decided here: a union would report a mistake once for each of its members.
    match value:
        case list() | tuple():
            return read_stages(value)
        case int() | str():
            return _PLAIN.read(value)
        case _:
            raise ValueError(f"must be a whole number such as 500 or 20k, or a list of stages, not {describe(value)}")


Rate = Annotated[Annotated[int, _PLAIN] | Stages, BeforeValidator(_read_rate)]
"""Requests per second: a whole number, or stages."""


SLOW_SENDERS: Final = "slow-senders"
"""The name of the requests of slow senders beside the load; they do not count in a trial's own figures."""

_MOST_CONNECTIONS: Final = 10_000_000


LoadProtocol = Literal["http", "websocket", "tcp", "events"]
IdleProtocol = Literal["tcp", "http", "websocket", "events"]
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
Subprotocols = Annotated[
    str, Text(rf"{_TOKEN}(?:, ?{_TOKEN})*", "the name of a subprotocol, or several separated by commas")
]


def handler_of(path: str) -> str:
    """Return the handler that a bundled server chooses by a path, the part between slash and query; "/" is hello."""
    return path[1:].partition("?")[0] or "hello"


def _read_workers(value: object) -> object:
    if value == "auto":
        return value
    if isinstance(value, str) and not value[:1].isdigit():
        raise ValueError(f"must be auto or a whole number, not {describe(value)}")
    return Count(1, 256, "2").read(value)


def _require_an_end(schema: dict[str, Any]) -> None:
    schema["required"].remove("duration")
    schema["if"] = {"properties": {"rate": {"type": "array"}}, "required": ["rate"]}
    schema["else"] = {"anyOf": [{"required": ["duration"]}, {"required": ["request_count"]}]}


class Load(Section):
    """The connections of the client, and what they send."""

    model_config = ConfigDict(json_schema_extra=_require_an_end)

    protocol: LoadProtocol = Field(
        default="http",
        description="What is spoken: http; websocket or tcp, a message and its answer at a time; events, a stream that "
        "is read (server-sent events, or any body that comes in pieces).",
    )
    connections: Annotated[int, Count(1, _MOST_CONNECTIONS)] = Field(
        description="Closed load: the users, each of which sends its next request when the answer has arrived. "
        "Open load, with a rate: the most connections that are opened. With a scenario: the users, or the most of them."
    )
    rate: Rate | None = Field(
        default=None,
        description="Requests per second, sent whether or not answers have come (an open load): a number, or stages. "
        "With a scenario: iterations per second.",
    )
    arrivals: Literal["constant", "poisson"] = Field(
        default="constant",
        description="When the requests of a rate are sent: evenly spaced, or at random as by independent users.",
    )
    spin_ns: Annotated[int, Duration(0, 10 * MILLISECOND_NS)] = Field(
        default=MILLISECOND_NS,
        alias="spin",
        description="How long before an arrival, and after it was sent, the client polls instead of sleeping; costs "
        "CPU time.",
        json_schema_extra={"default": "1ms"},
    )
    think_ns: Annotated[int, Duration(0, HOUR_NS)] = Field(
        default=0,
        alias="think",
        description="The pause of a user of a closed load between an answer and its next request, or between two "
        "iterations of a scenario.",
        json_schema_extra={"default": "0s"},
    )
    think_times: Literal["constant", "exponential"] = Field(
        default="constant",
        description="Whether each such pause has exactly that length, or is drawn at random with that mean.",
    )
    senders: Literal["fast", "slow"] = Field(
        default="fast", description="How the connections send a request: fast sends it at once, slow a byte at a time."
    )
    slow_connections: Annotated[int, Count(0, _MOST_CONNECTIONS)] = Field(
        default=0,
        description="Slow senders beside the active connections; reported separately, not part of the trial's figures.",
    )
    pace_ns: Annotated[int, Duration(MILLISECOND_NS, HOUR_NS)] = Field(
        default=10 * MILLISECOND_NS,
        alias="pace",
        description="The time between two bytes of a slow sender.",
        json_schema_extra={"default": "10ms"},
    )
    idle: Annotated[int, Count(0, _MOST_CONNECTIONS)] = Field(
        default=0, description="Idle connections: opened before the measurement and held throughout."
    )
    idle_kind: Literal["silent", "trickle", "churn"] = Field(
        default="silent",
        description="What they do: silent nothing, trickle sends a byte of a request now and then, churn closes and "
        "reopens them.",
    )
    written_idle_protocol: IdleProtocol | None = Field(
        default=None,
        alias="idle_protocol",
        description="What they speak: tcp says nothing, http is asked once and kept alive, websocket answers pings, "
        "events reads what comes; by default as protocol, but tcp for http.",
    )
    idle_path: RequestPath | None = Field(
        default=None, description="The path that they ask for; by default that of the load, if it speaks the same."
    )
    idle_pace_ns: Annotated[int, Duration(MILLISECOND_NS, HOUR_NS)] = Field(
        default=SECOND_NS,
        alias="idle_pace",
        description="The mean time between two bytes of a trickle, or between two openings under churn.",
        json_schema_extra={"default": "1s"},
    )
    warmup_ns: Annotated[int, Duration(0, HOUR_NS)] = Field(
        default=SECOND_NS,
        alias="warmup",
        description="Load before the measurement, not counted.",
        json_schema_extra={"default": "1s"},
    )
    duration_ns: Annotated[int, Duration(MILLISECOND_NS, DAY_NS)] = Field(
        alias="duration",
        description="The measured window; by default the sum of the stages of rate. Required with neither these nor a "
        "request_count.",
    )
    request_count: Annotated[int, Count(1, _MOST_REQUESTS, "20k")] | None = Field(
        default=None,
        description="How many requests are measured, in place of a duration, which then is the longest that it may "
        "take (1h by default).",
    )
    timeout_ns: Annotated[int, Duration(MILLISECOND_NS, HOUR_NS)] = Field(
        default=5 * SECOND_NS,
        alias="timeout",
        description="How long a request may take before it counts as timed out.",
        json_schema_extra={"default": "5s"},
    )
    retry: Annotated[bool, Truth()] = Field(
        default=True,
        description="Whether a request is sent again, once, if the server ends a connection that it had kept alive "
        "before any of the answer came; otherwise it fails.",
    )
    workers: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=256)],
        BeforeValidator(_read_workers),
    ] = Field(
        default="auto",
        description="Load workers, the processes that send; auto starts as many as there are cores left for them.",
    )
    connection: Literal["keep-alive", "per-request"] = Field(
        default="keep-alive",
        description="Whether a connection is kept for further requests, or each request opens one and closes it.",
    )
    path: RequestPath | None = Field(
        default=None, description="The requested path; by default / and the name of the handler."
    )
    expect_status: Statuses = Field(
        default=SUCCESS, description="The statuses that count as success: one (204), a class (2xx), or a list of both."
    )
    scenario: Annotated[str, SCENARIO] | None = Field(
        default=None,
        description="A scenario in Python, in place of requests: a file and one of its functions, such as "
        "shop.py:checkout. A rate is that of its iterations, and connections are its users.",
    )
    request: Request | None = Field(
        default=None, description="The request, with method, headers and body, in place of path and expect_status."
    )
    mix: Annotated[tuple[MixedRequest, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="Several requests, drawn at random by their weights, in place of a single one."
    )
    message: Message | None = Field(
        default=None, description="The message of a load over websocket or tcp, and how the end of its answer is known."
    )
    messages: Annotated[tuple[MixedMessage, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="Several messages, drawn at random by their weights, in place of a single one."
    )
    greeting: Greeting | None = Field(
        default=None, description="What a server over tcp says first on a new connection; it is read and dropped."
    )
    subprotocol: Subprotocols | None = Field(
        default=None, description="The subprotocol that a WebSocket asks for; the server has to agree to one."
    )
    data: RequestData | None = Field(
        default=None,
        description="A table of values for the requests, which name its columns as in {{id}}. With a scenario: a "
        "row for each user.",
    )

    @model_validator(mode="before")
    @classmethod
    def _find_duration(cls, data: object) -> object:
        """Let the stages say it, or a number of requests."""
        if not isinstance(data, dict) or data.get("duration") is not None:
            return data
        if data.get("request_count") is not None:
            return {**data, "duration": _LONGEST_COUNTED}
        rate = data.get("rate")
        if not isinstance(rate, list | tuple):
            return data
        try:
            duration_ns = total_ns(read_stages(rate))
        except ValidationError:
            duration_ns = DAY_NS  # any will do: the mistakes are those of the stages
        return {**data, "duration": spell_duration_ns(duration_ns)}

    @property
    def model(self) -> Literal["closed", "open"]:
        """Closed, where users send when their answers have arrived, or open, where requests follow a schedule."""
        return "closed" if self.rate is None else "open"

    @property
    def idle_protocol(self) -> IdleProtocol:
        """What idle connections speak."""
        return self.written_idle_protocol or ("tcp" if self.protocol == "http" else self.protocol)

    @property
    def sent(self) -> tuple[MixedMessage, ...]:
        """The messages that the load draws from by their weights; at least one where it sends messages."""
        if self.messages:
            return self.messages
        if self.protocol not in ("websocket", "tcp"):
            return ()
        only = self.message or Message()
        return (MixedMessage.model_validate({**only.model_dump(by_alias=True), "name": "message"}),)

    @property
    def stages(self) -> tuple[RateStage, ...] | None:
        """The rate over the measured window, which the stages fill exactly; None for a closed load."""
        if self.rate is None or isinstance(self.rate, tuple):
            return self.rate
        return (RateStage.model_validate({"for": spell_duration_ns(self.duration_ns), "from": self.rate}),)
