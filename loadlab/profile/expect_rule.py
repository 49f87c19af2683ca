"""One entry of `expect` as the profile writes it, plain or with `where`, and the rule that it makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from loadlab.profile.condition import Condition, Wanted, read_wanted
from loadlab.profile.expectation import FigureExpectation, LawExpectation, parse_expectation
from loadlab.profile.section import Section
from loadlab.profile.values import describe


def _check_text(text: str) -> str:
    parse_expectation(text)
    return text


def _check_where(where: object) -> object:
    if not isinstance(where, dict):
        raise ValueError(f"must be a mapping of paths to values, such as {{load.idle: 1000}}, not {describe(where)}")
    return where


class ConditionalExpectation(Section):
    """An expectation on some of the trials, or some of the laws."""

    expect: Annotated[str, AfterValidator(_check_text)] = Field(
        description='What must be met, such as "p99 <= 50ms" or "slope of cpu_per_request over load.idle < 1ns".'
    )
    where: Annotated[
        dict[str, Annotated[Wanted, BeforeValidator(read_wanted)]], Field(min_length=1), BeforeValidator(_check_where)
    ] = Field(
        description='Paths of the profile, each with a value, a list of values, or a comparison such as "> 1000".'
    )


def _read_entry(entry: object) -> object:
    if isinstance(entry, dict):
        return ConditionalExpectation.model_validate(entry)
    if isinstance(entry, str):
        return _check_text(entry)
    if not isinstance(entry, ConditionalExpectation):
        raise ValueError(f"must be text, not {describe(entry)}; put it in quotes if it is meant as text")
    return entry


ExpectEntry: TypeAlias = Annotated[str | ConditionalExpectation, BeforeValidator(_read_entry)]


@dataclass(frozen=True, slots=True)
class ExpectRule:
    """What an entry demands, `text` in one line. A path that is not swept stands in no trial's factors.

    What `where` asks of such a path was held against the profile when it was loaded, and is not asked again.
    """

    text: str
    expectation: FigureExpectation | LawExpectation
    where: Mapping[str, Condition]

    def applies_to(self, factors: Mapping[str, object]) -> bool:
        """Tell whether a trial, or a law, with these swept values is meant."""
        return all(condition.holds(factors[path]) for path, condition in self.where.items() if path in factors)


def rule_of(entry: str | ConditionalExpectation) -> ExpectRule:
    """Return the rule of an entry; raise ValueError with a sentence for one that cannot be read."""
    if isinstance(entry, str):
        return ExpectRule(entry, parse_expectation(entry), {})
    where = {path: Condition(wanted) for path, wanted in entry.where.items()}
    told = " and ".join(f"{path} {condition}" for path, condition in where.items())
    return ExpectRule(f"{entry.expect} where {told}", parse_expectation(entry.expect), where)
