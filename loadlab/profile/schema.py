"""What a profile holds: its sections and keys, their bounds and defaults. docs/profile.md explains them by example.

A key is a field's alias where the attribute carries its unit: `duration` in YAML is `duration_ns` here. A profile
dumped as JSON (`model_dump(mode="json", by_alias=True)`) is itself a valid profile.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from loadlab.profile.expectation import parse_expectation
from loadlab.profile.values import HOUR_NS, SECOND_NS, Count, Duration, Text, describe

Scalar = str | int | float | bool

_MOST_CONNECTIONS = 10_000_000


class Section(BaseModel):
    """A mapping of the profile: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(Section):
    """What is measured. A server's own options will be further keys of this section."""

    server: Annotated[str, Text(r"[!-~]+", "the name of a server")] = Field(
        description="A bundled server; `loadlab targets` lists them."
    )
    handler: Annotated[str, Text(r"[a-z][a-z0-9-]*", "the name of a handler")] = Field(
        default="hello", description="What the server does with a request."
    )


def _read_workers(value: object) -> object:
    if value == "auto":
        return value
    if isinstance(value, str) and not value[:1].isdigit():
        raise ValueError(f"must be auto or a number, not {describe(value)}")
    return Count(1, 256).read(value)


class Load(Section):
    """Who asks the target for what."""

    connections: Annotated[int, Count(1, _MOST_CONNECTIONS)] = Field(
        description="Active connections, in a closed loop: each sends its next request when the answer is there."
    )
    idle: Annotated[int, Count(0, _MOST_CONNECTIONS)] = Field(
        default=0, description="Dead connections: opened before the measurement, held all the while, never used."
    )
    warmup_ns: Annotated[int, Duration(0, HOUR_NS)] = Field(
        default=SECOND_NS,
        alias="warmup",
        description="Load before the measurement, not counted.",
        json_schema_extra={"default": "1s"},
    )
    duration_ns: Annotated[int, Duration(SECOND_NS // 1000, 24 * HOUR_NS)] = Field(
        alias="duration", description="The measured window."
    )
    timeout_ns: Annotated[int, Duration(SECOND_NS // 1000, HOUR_NS)] = Field(
        default=5 * SECOND_NS,
        alias="timeout",
        description="How long a request may take before it counts as timed out.",
        json_schema_extra={"default": "5s"},
    )
    workers: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=256)],
        BeforeValidator(_read_workers),
    ] = Field(default="auto", description="Load processes; auto: as many as the cores left for them.")
    path: Annotated[str, Text(r"/[!-~]*", "a request path that begins with /, in ASCII without spaces")] | None = Field(
        default=None, description="The requested path; by default / and the name of the handler."
    )
    expect_status: Annotated[int, Count(100, 599)] = Field(
        default=200, description="The HTTP status that counts as success."
    )


Core = Annotated[int, Count(0, 4095)]


class Cores(Section):
    """Chosen cores, by their numbers."""

    target: tuple[Core, ...] = Field(min_length=1, description="The cores of the target.")
    load: tuple[Core, ...] = Field(min_length=1, description="The cores of the load workers and idle holders.")


def _read_placement(value: object) -> object:
    if isinstance(value, dict):
        return Cores.model_validate(value)
    if value not in ("auto", "none") and not isinstance(value, Cores):
        raise ValueError(f"must be auto, none, or lists of cores for target and load, not {describe(value)}")
    return value


class Plot(Section):
    """What the page draws over what; both are paths of the profile."""

    x: str = Field(description="The path on the horizontal axis.")
    series: str | None = Field(default=None, description="The path with one line per value.")


def _check_expectation(text: str) -> str:
    parse_expectation(text)
    return text


class Profile(Section):
    """One experiment: a target, a load, and a sweep over any of their settings."""

    name: Annotated[
        str,
        Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of at most 64 letters, digits, dots, dashes or underscores"),
    ] = Field(description="Names the run directory.")
    about: str = Field(default="", description="What the experiment shows; stands at the head of the page.")
    target: Target = Field(description="What is measured.")
    load: Load = Field(description="Who asks the target for what.")
    placement: Annotated[Literal["auto", "none"] | Cores, BeforeValidator(_read_placement)] = Field(
        default="auto",
        description="Which cores target and load run on; auto keeps them apart, none leaves it to the kernel.",
    )
    sweep: dict[str, Annotated[tuple[Scalar, ...], Field(min_length=1)]] = Field(
        default={}, description="Paths of the profile and the values to try; the trials are the product."
    )
    repeat: Annotated[int, Count(1, 1000)] = Field(
        default=1, description="How often each trial is made; repeats are interleaved."
    )
    seed: Annotated[int, Count(0, 2**63 - 1)] | None = Field(
        default=None, description="Fixes the order of the trials; drawn and recorded when absent."
    )
    plot: Plot | None = Field(default=None, description="What the page draws over what.")
    expect: tuple[Annotated[str, AfterValidator(_check_expectation)], ...] = Field(
        default=(), description='What each trial must meet, such as "response_ns.p99 <= 50ms"; else exit code 1.'
    )

    @property
    def request_path(self) -> str:
        """The path that the load asks for."""
        return self.load.path if self.load.path is not None else f"/{self.target.handler}"
