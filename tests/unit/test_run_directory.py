"""docs/run-directory.md has a table for every model of run.json, with all of its fields and no other."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from loadlab.results.run import RunDocument
from tests.documented import INLINE, TABLES, documented_fields, rows_of


def fields_of(described: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in described.model_fields.items()}


@pytest.mark.parametrize("heading", TABLES)
def test_a_table_has_the_fields_of_its_model_and_no_other(heading: str) -> None:
    assert set(documented_fields(heading)) == fields_of(TABLES[heading])


@pytest.mark.parametrize("described", INLINE, ids=lambda described: described.__name__)
def test_a_small_model_is_described_where_it_is_a_field(described: type[BaseModel]) -> None:
    heading, field = INLINE[described]
    named = set(re.findall(r"`([\w.]+)`", rows_of(heading)[field]))
    assert fields_of(described) - named == set()


def test_every_model_of_run_json_is_described() -> None:
    assert set(models_in(RunDocument)) - {*TABLES.values(), *INLINE} == set()


def models_in(described: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield described
    for field in described.model_fields.values():
        for member in members_of(field.annotation):
            yield from models_in(member)


def members_of(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation has no type of its own
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from members_of(argument)
