"""The requests of a load: what is sent, what must come back, and the data from which they are filled in."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from loadlab.profile.http_values import (
    SUCCESS,
    HeaderName,
    Headers,
    Method,
    RequestTarget,
    Statuses,
    expand_statuses,
    request_name,
)
from loadlab.profile.template import parse_template
from loadlab.profile.values import Count, Section, Text, Truth, without_default

BODIES: Final = ("json", "body", "file")
"""The keys of a request that give it a body; it has one of them at most."""

RequestPath = Annotated[str, RequestTarget()]
FileName = Annotated[str, Text(r"[^\x00]+", "the name of a file")]


ExpectedText = Annotated[str, Field(min_length=1)]


def texts_in(value: object) -> Iterator[str]:
    """Yield every text in plain data: keys and values of mappings, and items of lists."""
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield from texts_in(key)
                yield from texts_in(inner)
        case list() | tuple():
            for inner in value:
                yield from texts_in(inner)


def _check_templates(value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    for text in texts_in(value):
        parse_template(text)
    return value


class ExpectedResponse(Section):
    """What a response must be like to count as success."""

    status: Statuses | None = Field(
        default=None,
        description="The statuses that count as success: one (204), a class (2xx), or a list of both; by default 2xx "
        "and 3xx.",
    )
    body: ExpectedText | None = Field(default=None, description="A text that the body contains.")
    header: dict[Annotated[str, HeaderName()], ExpectedText] = Field(
        default={}, description="Headers that the response has, each with a text that its value contains."
    )


class Request(Section):
    """A request. Its path, headers, json and body may name columns of the load's data, as in {{id}}."""

    written_method: Annotated[str, Method()] | None = Field(
        default=None, alias="method", description="The method; by default GET, and POST for a request with a body."
    )
    path: RequestPath | None = Field(
        default=None, description="The requested path; by default / and the name of the handler."
    )
    headers: Headers = Field(
        default={}, description="Headers by their names. Host, User-Agent and Content-Length are set unless given."
    )
    json_value: Annotated[Any, AfterValidator(_check_templates)] = Field(
        default=None, alias="json", description="The body as a value that is sent as JSON."
    )
    body: Annotated[str, AfterValidator(_check_templates)] | None = Field(
        default=None, description="The body as text, sent in UTF-8."
    )
    file: FileName | None = Field(
        default=None, description="The body as a file, sent as it is; relative to the profile's directory."
    )
    expect: ExpectedResponse | None = Field(default=None, description="What the response must be like.")
    stream: Annotated[bool, Truth()] = Field(
        default=False,
        description="Whether it is timed when the body of the response begins, and when each piece of it comes.",
    )

    @property
    def method(self) -> str:
        """The method as it is sent."""
        return self.written_method or ("POST" if self.has_body else "GET")

    @property
    def has_body(self) -> bool:
        """Whether anything is sent behind the head; it may be empty."""
        return any(each is not None for each in (self.json_value, self.body, self.file))


def _read_name(value: object, info: ValidationInfo) -> object:
    # A wrong path is not in the data; it is reported by itself.
    return request_name(info.data.get("path") or "/") if value is None else value


# No commas, which separate the fields of the latency log, and no dots, which separate those of a metric.
NameInMix = Annotated[
    str, Text(r"[!-+\-/-~]{1,64}", "a name of at most 64 ASCII characters without spaces, commas or dots")
]
Weight = Annotated[int, Count(1, 1_000_000)]


class MixedRequest(Request):
    """One request of a mix, with latencies and outcomes of its own."""

    path: RequestPath = Field(description="The requested path.")
    weight: Weight = Field(default=1, description="How often it is sent, relative to the others.")
    name: Annotated[NameInMix, BeforeValidator(_read_name)] = Field(
        default=None,
        validate_default=True,
        json_schema_extra=without_default,
        description="Its name in the results; by default its path without the slash.",
    )
    expect_status: Statuses = Field(
        default=SUCCESS, description="The statuses that count as success, in place of expect with a status alone."
    )

    def without_body(self, method: str) -> Self:
        """Return the same request by another method, without what would be sent behind the head."""
        return self.model_copy(update={"written_method": method, "json_value": None, "body": None, "file": None})

    @property
    def expected_statuses(self) -> frozenset[int]:
        """Every status that counts as success."""
        stated = self.expect.status if self.expect else None
        return expand_statuses(self.expect_status if stated is None else stated)


class RequestData(Section):
    """A table of values for the requests: each is sent with those of one row."""

    file: FileName = Field(
        description="A CSV file in UTF-8 whose first line names the columns; relative to the profile's directory."
    )
    order: Literal["sequential", "random"] = Field(
        default="sequential", description="Whether the rows are taken in their order, or drawn at random by the seed."
    )


def name_in_mix(request: object) -> str | None:
    """Return the name of a request of a mix as written; None if it has none that can be read."""
    if not isinstance(request, dict):
        return None
    name, path = request.get("name"), request.get("path")
    if name is None and isinstance(path, str):
        return request_name(path)
    return name if isinstance(name, str) else None
