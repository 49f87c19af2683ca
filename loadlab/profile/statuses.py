"""The statuses that count as success: one (204), all of a class (2xx), or a list of both."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.profile.values import Count, describe

_STATUS: Final = Count(100, 599, "200")
_CLASS: Final = "[1-5]xx"
_MOST: Final = 20


class StatusOrClass:
    """A status, read as a number, or a class of them, read as text such as "2xx"."""

    def read(self, value: object) -> int | str:
        """Return the status or class; raise ValueError with a sentence if it is neither."""
        if isinstance(value, str) and re.fullmatch(_CLASS, value.lower()):
            return value.lower()
        if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch("[0-9]+", str(value)):
            raise ValueError(
                f"must be a status such as 200, a class such as 2xx, or a list of them, not {describe(value)}"
            )
        return _STATUS.read(value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": _STATUS.at_least, "maximum": _STATUS.at_most}
        return {"anyOf": [number, {"type": "string", "pattern": "^(?:[1-5][0-9]{2}|[1-5][xX]{2})$"}]}


_Listed = Annotated[
    tuple[Annotated[int | str, StatusOrClass()], ...],
    Field(min_length=1, max_length=_MOST),
]
_LISTED: Final[TypeAdapter[tuple[int | str, ...]]] = TypeAdapter(_Listed)


def _read_statuses(value: object) -> Any:  # noqa: ANN401 - the validator behind it has the types
    # Decided here: a union would report a mistake once for each of its members.
    return _LISTED.validate_python(value) if isinstance(value, list | tuple) else StatusOrClass().read(value)


Statuses = Annotated[
    Annotated[int | str, StatusOrClass()] | _Listed,
    BeforeValidator(_read_statuses),
]
"""One status or class, or several; `expand_statuses` returns all that are meant."""

SUCCESS: Final = ("2xx", "3xx")
"""What counts as success if the profile does not say: as for wrk, k6 and vegeta."""


def read_statuses(value: object) -> frozenset[int]:
    """Return every status that a value of the profile means; raise ValueError if it means none."""
    return expand_statuses(_read_statuses(value))


def expand_statuses(statuses: int | str | tuple[int | str, ...]) -> frozenset[int]:
    """Return every status that is meant."""
    listed = statuses if isinstance(statuses, tuple) else (statuses,)
    return frozenset(
        status
        for each in listed
        for status in (range(int(each[0]) * 100, int(each[0]) * 100 + 100) if isinstance(each, str) else [each])
    )
