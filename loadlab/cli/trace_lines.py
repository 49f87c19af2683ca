"""One iteration of a scenario as lines for people: each request and response as it comes, credentials masked."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from loadlab.cli.lines import Line, Tone
from loadlab.profile.masking import MASK, Masker, is_secret_name, mask_data
from loadlab.recording.outcomes import Outcome
from loadlab.recording.trace import (
    Blocked,
    Body,
    Checked,
    FunctionBegins,
    FunctionEnds,
    Headers,
    MessageReceived,
    MessageSent,
    Printed,
    RequestFailed,
    RequestSent,
    ResponseReceived,
    Sleeping,
    StepBegins,
    StepEnds,
    TraceEvent,
    WebSocketEnded,
)
from loadlab.units import format_duration_ns

_INDENT: Final = "  "
_MOST_LINES: Final = 30
_LONGEST_LINE: Final = 200
_JSON_WIDTH: Final = 80
_SHORTEST_LEARNED: Final = 12  # shorter values of a response may well be words that come up elsewhere
_OF_EVERY_REQUEST: Final = frozenset({"host", "accept", "accept-encoding", "connection", "user-agent"})
_SCHEMES: Final = frozenset({"basic", "bearer", "digest"})
_BEARING: Final = frozenset({"authorization", "proxy-authorization"})


class TraceLines:
    """Turns the events of an iteration into lines, and counts what failed.

    `masker` has the credentials of the profile and its data. Those that come up on the way, such as the token that a
    server gives, are masked from then on. Headers that httpx adds to every request are shown with the first one only.
    """

    def __init__(self, masker: Masker) -> None:
        self.failed = 0  # requests without a response, or with an unexpected status
        self.failed_checks = 0
        self._masker = masker
        self._learned: list[str] = []  # the longest first
        self._usual: Headers = []
        self._depth = 0
        self._requests = self._checks = 0
        self._unfinished = ""  # line that the scenario has begun to print

    def of(self, event: TraceEvent) -> Iterator[Line]:
        """Yield the lines of an event."""
        if not isinstance(event, Printed):
            yield from self.rest()
        match event:
            case FunctionBegins() | StepBegins():
                yield self._line(event.name, "strong")
                self._depth += 1
            case StepEnds():
                self._depth = max(self._depth - 1, 0)
                yield self._end(event.name, event.outcome, event.after_ns)
            case FunctionEnds():
                yield from self._function_ends(event)
            case RequestSent():
                self._requests += 1
                yield self._line(f"→ {event.number} {event.method} {event.url}{_name_shown(event)}", "strong")
                headers = [each for each in event.headers if each not in self._usual]
                self._usual = self._usual or [each for each in headers if each[0].lower() in _OF_EVERY_REQUEST]
                yield from self._message(headers, event.body)
            case ResponseReceived():
                yield from self._response(event)
            case RequestFailed():
                self.failed += 1
                yield self._line(
                    f"← {event.number} {event.reason}, after {format_duration_ns(event.after_ns)}", "invalid"
                )
            case Checked():
                self._checks += 1
                self.failed_checks += not event.passed
                yield self._line(*((f"✓ {event.name}", "valid") if event.passed else (f"✗ {event.name}", "invalid")))
            case Sleeping():
                yield self._line(f"sleep {format_duration_ns(event.seconds * 1e9)}")
            case Printed():
                yield from self._printed(event.text)
            case Blocked():
                duration = format_duration_ns(event.longest_ns)
                yield self._line(f"{event.where} blocks all users for {duration}: {event.code}", "suspect")
            case MessageSent():
                yield from self._websocket_message("→", event.path, event.body)
            case MessageReceived():
                yield from self._websocket_message("←", event.path, event.body)
            case WebSocketEnded():
                code = "" if event.code is None else f" {event.code}"
                yield self._line(f"← {event.path} closed{code} {event.reason}".rstrip())

    def rest(self) -> Iterator[Line]:
        """Yield the line that the scenario has begun to print, if there is one."""
        if self._unfinished:
            yield self._line(self._unfinished)
            self._unfinished = ""

    def _function_ends(self, event: FunctionEnds) -> Iterator[Line]:
        self._depth = 0
        for line in (event.traceback or "").splitlines():
            yield replace(self._line(f"{_INDENT}{line}"), tone="invalid")
        end = self._end(event.name, event.outcome, event.after_ns)
        counts = [_count(self._requests, "request")] if self._requests else []
        if self._checks:
            counts.append(f"{self._checks - self.failed_checks:,} of {_count(self._checks, 'check')} passed")
        yield replace(end, text=", ".join([end.text, *counts]))
        self._requests = self._checks = 0

    def _end(self, name: str, outcome: str, after_ns: int) -> Line:
        if outcome == Outcome.OK:
            return self._line(f"{name}: ok, {format_duration_ns(after_ns)}", "valid")
        return self._line(f"{name}: {outcome.replace('_', ' ')}, {format_duration_ns(after_ns)}", "invalid")

    def _response(self, event: ResponseReceived) -> Iterator[Line]:
        self.failed += not event.expected
        facts = [f"{event.status} {event.reason}".strip(), format_duration_ns(event.after_ns)]
        if event.body.size_bytes is not None:
            facts.append(f"{event.body.size_bytes:,} bytes")
        if not event.expected:
            facts.append("not an expected status")
        yield self._line(f"← {event.number} {', '.join(facts)}", "valid" if event.expected else "invalid")
        yield from self._message(event.headers, event.body)

    def _message(self, headers: Headers, body: Body) -> Iterator[Line]:
        """Yield the lines of a request or a response behind the first."""
        for name, value in headers:
            self._learn_from_header(name, value)
            yield self._line(f"{_INDENT * 2}{name}: {masked_header(name, value)}")
        yield from self._body(body)

    def _websocket_message(self, arrow: str, path: str, body: Body) -> Iterator[Line]:
        yield self._line(f"{arrow} {path} message, {body.size_bytes or 0:,} bytes", "strong")
        yield from self._body(body)

    def _body(self, body: Body) -> Iterator[Line]:
        if not body.text:
            return
        text, parsed = body.text, _parsed(body.text) if body.whole else None
        if isinstance(parsed, dict | list):
            wrapped = {"": parsed}
            self._learn(Masker.of(wrapped).values)
            text = format_json(mask_data(wrapped)[""])
        lines = text.splitlines()
        for line in lines[:_MOST_LINES]:
            yield self._line(f"{_INDENT * 2}{line}")
        if len(lines) > _MOST_LINES or not body.whole:
            yield self._line(f"{_INDENT * 2}...")

    def _printed(self, text: str) -> Iterator[Line]:
        *whole, self._unfinished = f"{self._unfinished}{text}".split("\n")
        for line in whole:
            yield self._line(line)

    def _learn_from_header(self, name: str, value: str) -> None:
        if name.lower() in _BEARING:
            self._learn([value.partition(" ")[2].strip()])
        elif name.lower() in ("cookie", "set-cookie"):
            cookies = value.split(";") if name.lower() == "cookie" else value.split(";")[:1]
            self._learn(cookie.partition("=")[2].strip() for cookie in cookies)

    def _learn(self, values: Iterable[str]) -> None:
        learned = {*self._learned, *(value for value in values if len(value) >= _SHORTEST_LEARNED)}
        self._learned = sorted(learned, key=lambda value: (-len(value), value))

    def _line(self, text: str, tone: Tone = "plain") -> Line:
        for value in self._learned:
            text = text.replace(value, MASK)
        text = self._masker.mask(text)
        return Line(f"{_INDENT * self._depth}{_shortened(text)}", tone)


def user_line(authority: str, row: Mapping[str, str], masker: Masker) -> Line:
    """Return the line that says which server the user asks, and what its row of the data has."""
    shown = [f"{name}={MASK if is_secret_name(name) else masker.mask(value)}" for name, value in row.items()]
    return Line(_shortened(f"user 0 of {authority}{': ' if shown else ''}{', '.join(shown)}"))


def masked_header(name: str, value: str) -> str:
    """Return the value of a header without credentials: the names of cookies stay, and the scheme of a log-in."""
    match name.lower():
        case "cookie":
            return "; ".join(map(_masked_cookie, value.split("; ")))
        case "set-cookie":
            cookie, *attributes = value.split("; ")
            return "; ".join([_masked_cookie(cookie), *attributes])
        case lower if lower in _BEARING and value.partition(" ")[0].lower() in _SCHEMES:
            return f"{value.partition(' ')[0]} {MASK}"
        case _:
            return MASK if is_secret_name(name) else value


def format_json(value: object, width: int = _JSON_WIDTH) -> str:
    """Return JSON whose lists and objects are on a line of their own as far as they fit, and indented elsewhere."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) <= width or not value or not isinstance(value, dict | list):
        return short
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {format_json(inner, width)}" for key, inner in value.items()]
    else:
        parts = [format_json(inner, width) for inner in value]
    inside = textwrap.indent(",\n".join(parts), _INDENT)
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inside}\n{last}"


def _name_shown(event: RequestSent) -> str:
    """Return the name that a request is counted under, if its line does not have it already."""
    usual = f"{event.method} {urlsplit(event.url).path or '/'}"
    return "" if event.name == usual else f" ({event.name})"


def _masked_cookie(cookie: str) -> str:
    name, equals, _value = cookie.partition("=")
    return f"{name}={MASK}" if equals else MASK


def _parsed(text: str) -> object:
    try:
        found: object = json.loads(text)
        return found
    except (ValueError, RecursionError):
        return None


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}..."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
