"""The key `load.rate`: how many requests a second an open load sends, as one number or as stages of a ramp."""

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationInfo

from loadlab.profile.section import Section, without_default
from loadlab.profile.values import DAY_NS, MILLISECOND_NS, Count, Duration, describe
from loadlab.units import spell_duration_ns

_MOST_PER_SECOND: Final = 10_000_000
_MOST_STAGES: Final = 100

StageRate = Annotated[int, Count(0, _MOST_PER_SECOND)]


def _read_to(value: object, info: ValidationInfo) -> object:
    # A `from` that is wrong is not in the data, and told of already.
    return info.data.get("from_rate", 0) if value is None else value


class RateStage(Section):
    """A stretch of the measured window, over which the rate goes in a straight line from one value to another."""

    for_ns: Annotated[int, Duration(MILLISECOND_NS, DAY_NS)] = Field(alias="for", description="How long it takes.")
    from_rate: StageRate = Field(alias="from", description="Requests per second at its beginning.")
    to_rate: Annotated[StageRate, BeforeValidator(_read_to)] = Field(
        default=None,
        validate_default=True,
        alias="to",
        json_schema_extra=without_default,
        description="Requests per second at its end; by default as at its beginning.",
    )


def total_ns(stages: tuple[RateStage, ...]) -> int:
    """Return how long the stages take one after the other."""
    return sum(stage.for_ns for stage in stages)


def _check_stages(stages: tuple[RateStage, ...]) -> tuple[RateStage, ...]:
    if not any(stage.from_rate or stage.to_rate for stage in stages):
        raise ValueError("asks for no request at all; give one of its stages a rate above 0")
    if total_ns(stages) > DAY_NS:
        raise ValueError(f"takes {spell_duration_ns(total_ns(stages))} in all; at most 24h are allowed")
    return stages


Stages = Annotated[tuple[RateStage, ...], Field(min_length=1, max_length=_MOST_STAGES), AfterValidator(_check_stages)]
_PLAIN: Final = Count(1, _MOST_PER_SECOND)
_STAGES: Final[TypeAdapter[tuple[RateStage, ...]]] = TypeAdapter(Stages)


def read_stages(value: object) -> tuple[RateStage, ...]:
    """Return the stages of a ramp; raise pydantic's ValidationError with every mistake in them."""
    return _STAGES.validate_python(value)


def _read_rate(value: object) -> int | tuple[RateStage, ...]:
    # Told apart here, as a union would tell of each mistake once for either of its members.
    match value:
        case list() | tuple():
            return read_stages(value)
        case int() | str():
            return _PLAIN.read(value)
        case _:
            raise ValueError(f"must be a whole number such as 500 or 20k, or a list of stages, not {describe(value)}")


Rate = Annotated[Annotated[int, _PLAIN] | Stages, BeforeValidator(_read_rate)]
"""Requests per second: a whole number, or stages."""
