"""What one iteration of a scenario does, event by event: as a worker reports it and `loadlab run --one` prints it.

Credentials are in it as they were sent and received.
"""

import msgspec

Headers = list[tuple[str, str]]


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Its kind, the name of its class, is written as `type`."""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a message: its `size_bytes` if they are known, and the beginning of its text.

    `text` is None where it is not text, or was not looked at; `whole` says whether it is all of it.
    """

    size_bytes: int | None
    text: str | None = None
    whole: bool = False


class FunctionBegins(_Event, frozen=True):
    """One of the scenario's functions is called: that of the iteration, or setup, on_start and the like."""

    name: str


class FunctionEnds(_Event, frozen=True):
    """It has returned, or ended with `outcome`; `traceback` has the lines of the scenario if it was an error."""

    name: str
    after_ns: int
    outcome: str
    traceback: str | None = None


class RequestSent(_Event, frozen=True):
    """A request is sent; `number` counts them from 1, and `name` is that of its kind."""

    number: int
    method: str
    url: str
    name: str
    headers: Headers
    body: Body


class ResponseReceived(_Event, frozen=True):
    """The response to a request has been read, `after_ns` from its begin; not `expected` if its status fails it."""

    number: int
    status: int
    reason: str
    headers: Headers
    body: Body
    after_ns: int
    expected: bool = True


class RequestFailed(_Event, frozen=True):
    """A request has no response; `reason` is a sentence."""

    number: int
    reason: str
    after_ns: int


class StepBegins(_Event, frozen=True):
    """A step begins."""

    name: str


class StepEnds(_Event, frozen=True):
    """A step has ended."""

    name: str
    after_ns: int
    outcome: str


class Checked(_Event, frozen=True):
    """A condition was checked."""

    name: str
    passed: bool


class Sleeping(_Event, frozen=True):
    """The user sleeps."""

    seconds: float


class Printed(_Event, frozen=True):
    """The scenario has printed a text."""

    text: str


class Blocked(_Event, frozen=True):
    """A line of the scenario has held up everything else, for `longest_ns` without a wait."""

    where: str
    code: str
    longest_ns: int


class MessageSent(_Event, frozen=True):
    """A WebSocket's message was sent on `path`."""

    path: str
    body: Body


class MessageReceived(_Event, frozen=True):
    """A WebSocket's message was received on `path`."""

    path: str
    body: Body


class WebSocketEnded(_Event, frozen=True):
    """A WebSocket was closed, by either side, with a close code (RFC 6455, 7.4)."""

    path: str
    code: int | None
    reason: str = ""


TraceEvent = (
    FunctionBegins
    | FunctionEnds
    | RequestSent
    | ResponseReceived
    | RequestFailed
    | StepBegins
    | StepEnds
    | Checked
    | Sleeping
    | Printed
    | Blocked
    | MessageSent
    | MessageReceived
    | WebSocketEnded
)
