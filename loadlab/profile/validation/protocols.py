"""What a load speaks, and the keys that belong to it: those without effect in another protocol, and what it needs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from loadlab.profile.files import read_content
from loadlab.profile.load import LoadProtocol
from loadlab.profile.message import name_of_message
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, Path, default_of, value_at
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import place_of_change, read_one, values_in_trials
from loadlab.profile.values import describe, list_words

_HTTP: Final = frozenset[LoadProtocol]({"http"})
_ASKED_BY_HTTP: Final = frozenset[LoadProtocol]({"http", "events"})
_WITH_MESSAGES: Final = frozenset[LoadProtocol]({"websocket", "tcp"})
_WITH_PATH: Final = frozenset[LoadProtocol]({"http", "websocket", "events"})
_WITH_TURNS: Final = frozenset[LoadProtocol]({"http", "websocket", "tcp"})

_OF_PROTOCOLS: Final[Mapping[str, Collection[LoadProtocol]]] = {
    "load.mix": _HTTP,
    "load.retry": _HTTP,
    "load.senders": _HTTP,
    "load.slow_connections": _HTTP,
    "load.expect_status": _ASKED_BY_HTTP,
    "load.request.expect": _ASKED_BY_HTTP,
    "load.request.expect.body": _HTTP,
    "load.request.expect.header": _HTTP,
    "load.request.method": _ASKED_BY_HTTP,
    "load.request.json": _ASKED_BY_HTTP,
    "load.request.body": _ASKED_BY_HTTP,
    "load.request.file": _ASKED_BY_HTTP,
    "load.request.stream": _HTTP,
    "load.path": _WITH_PATH,
    "load.request": _WITH_PATH,
    "load.message": _WITH_MESSAGES,
    "load.messages": _WITH_MESSAGES,
    "load.greeting": {"tcp"},
    "load.subprotocol": {"websocket"},
    "load.rate": _WITH_TURNS,
    "load.think": _WITH_TURNS,
    "load.request_count": _WITH_TURNS,
    "load.connection": _WITH_TURNS,
}
_SECTIONS: Final = frozenset(
    path
    for path in _OF_PROTOCOLS
    if path.startswith("load.request.") or path.split(".")[1] in ("mix", "request", "message", "messages", "greeting")
)
_OF_MESSAGES: Final[Mapping[str, LoadProtocol]] = {
    "answer": "websocket",
    "matches": "websocket",
    "until": "tcp",
    "bytes": "tcp",
    "echo": "tcp",
}
_ENDS: Final = ("until", "bytes", "echo")
_EXAMPLE_END: Final = 'until: "\\r\\n"'


def protocol_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield keys of `load` that belong to another protocol than those of the trials, and what messages lack."""
    spoken, reported = _spoken(data), set[str]()
    for path, protocols in _OF_PROTOCOLS.items():
        if (
            path.rpartition(".")[0] not in reported
            and not spoken & set(protocols)
            and (place := place_of_key(data, path))
        ):
            reported.add(path)
            what = f"has no effect with protocol: {_words(spoken)}; it is for {_words(protocols)}"
            yield Mistake(place, what, part="key")
    if spoken & _WITH_MESSAGES:
        yield from _message_mistakes(data, spoken)
    yield from idle_mistakes(data, spoken)


def idle_mistakes(data: Data, spoken: set[LoadProtocol]) -> Iterator[Mistake]:
    """Yield keys of idle connections that have no effect beside a load that speaks these protocols."""
    idle = any(each.value not in (0, "0") for each in values_in_trials(data, "load.idle"))
    for path in ("load.idle_protocol", "load.idle_path"):
        if not idle and (place := place_of_change(LoadProfile, data, path)):
            yield Mistake(place, "has no effect without load.idle; set that too", part="key")
    kinds = {each.value for each in values_in_trials(data, "load.idle_protocol") if each.value is not None}
    kinds = kinds or {"tcp" if each == "http" else each for each in spoken}
    if idle and kinds == {"tcp"} and (place := place_of_change(LoadProfile, data, "load.idle_path")):
        yield Mistake(place, "has no effect with idle_protocol: tcp, which asks for nothing", part="key")


def place_of_key(data: Data, path: str) -> Path | None:
    """Return where a key is written, in its section or in the sweep, unless it has its default; None if it is not."""
    if path not in _SECTIONS:
        return place_of_change(LoadProfile, data, path)
    keys = tuple(path.split("."))
    if value_at(data, keys) not in (None, False):
        return keys
    return next((("sweep", swept) for swept in _swept_below(data, path)), None)


def _spoken(data: Data) -> set[LoadProtocol]:
    written = values_in_trials(data, "load.protocol")
    read = [read_one(LoadProfile, "load.protocol", each.value) for each in written]
    return {each for each in read if each is not None} or {default_of(LoadProfile, "load.protocol")}


def _words(protocols: Collection[LoadProtocol]) -> str:
    return list_words([each for each in ("http", "websocket", "tcp", "events") if each in protocols])


def _swept_below(data: Data, path: str) -> list[str]:
    sweep = data.get("sweep")
    return [each for each in sweep if f"{each}.".startswith(f"{path}.")] if isinstance(sweep, dict) else []


def _message_mistakes(data: Data, spoken: set[LoadProtocol]) -> Iterator[Mistake]:
    written = value_at(data, ("load", "messages"))
    listed = written if isinstance(written, list) else []
    single = place_of_key(data, "load.message")
    if listed and single:
        yield Mistake(single, "has no effect with load.messages; remove one of the two", part="key")
    if listed:
        for index, message in enumerate(listed):
            if isinstance(message, dict):
                yield from _mistakes_of(data, message, ("load", "messages", index), spoken)
        yield from _name_mistakes(listed)
    elif not single:
        example = "{text: hello}" if "websocket" in spoken else f'{{text: "PING\\r\\n", {_EXAMPLE_END}}}'
        yield Mistake(("load",), f"needs a message to send, such as message: {example}")
    elif isinstance(message := value_at(data, ("load", "message")), dict) and not _swept_below(data, "load.message"):
        yield from _mistakes_of(data, message, ("load", "message"), spoken)
    greeting = value_at(data, ("load", "greeting"))
    if "tcp" in spoken and isinstance(greeting, dict):
        yield from _end_mistakes(greeting, ("load", "greeting"), _ENDS[:2])


def _name_mistakes(listed: Sequence[object]) -> Iterator[Mistake]:
    seen = set()
    for index, message in enumerate(listed):
        if (name := name_of_message(message)) in seen:
            what = f"repeats the name {describe(name)}; give each message a name of its own"
            yield Mistake(("load", "messages", index), what)
        seen.add(name)


def _mistakes_of(data: Data, message: Data, place: Path, spoken: set[LoadProtocol]) -> Iterator[Mistake]:
    for key, protocol in _OF_MESSAGES.items():
        if message.get(key) not in (None, False, 1) and protocol not in spoken:
            what = f"has no effect with protocol: {_words(spoken)}; it is for {protocol}"
            yield Mistake((*place, key), what, part="key")
    if message.get("text") is not None and message.get("binary") is not None:
        yield Mistake((*place, "binary"), "cannot be combined with text; remove one of the two", part="key")
    if message.get("matches") is not None and message.get("answer") not in (None, 1):
        what = "cannot be combined with matches, which makes the answer one message; remove one of the two"
        yield Mistake((*place, "answer"), what, part="key")
    if "tcp" in spoken:
        yield from _end_mistakes(message, place, _ENDS)
        if message.get("text") == "" and message.get("echo"):
            yield Mistake((*place, "text"), "must not be empty with echo: nothing would come back")
    if isinstance(file := message.get("binary"), str):
        try:
            read_content(file)
        except ValueError as error:
            yield Mistake((*place, "binary"), str(error))
    if message.get("text") is None and message.get("binary") is None:
        if "websocket" in spoken:
            yield Mistake(place, "needs text, or a binary file")
        elif {each.value for each in values_in_trials(data, "load.connection")} != {"per-request"}:
            what = "needs text, or a binary file; where the server speaks first, set load.connection: per-request"
            yield Mistake(place, what)


def _end_mistakes(section: Data, place: Path, ends: Sequence[str]) -> Iterator[Mistake]:
    given = [key for key in ends if section.get(key) is not None and section.get(key) is not False]
    if not given:
        yield Mistake(place, f"does not say where it ends: set {_EXAMPLE_END}, or {' or '.join(ends[1:])}")
    for key in given[1:]:
        yield Mistake((*place, key), f"cannot be combined with {given[0]}; remove one of the two", part="key")
