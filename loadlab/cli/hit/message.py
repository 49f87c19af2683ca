"""The message that `loadlab hit` sends over a WebSocket or plain TCP, put into its profile, and what its answer is."""

import re
from typing import Final

from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.settings import Settings, literal_text, named_file
from loadlab.cli.hit.url import Url
from loadlab.errors import LoadlabError

DEFAULT_MESSAGE: Final = "hello"

_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|.?)", re.DOTALL)
_ESCAPED: Final = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_LAST_ASCII: Final = 0x7F


def fill_message(settings: Settings, options: HitOptions, url: Url) -> None:
    """Put message, answer, greeting and subprotocol into a profile. Raises LoadlabError for a mistake."""
    if url.protocol == "http":
        return
    over_tcp = url.protocol == "tcp"
    message = options.message
    if message is None and not over_tcp:
        message = DEFAULT_MESSAGE
    if message is None:  # the server speaks first, once on each connection
        settings.set("load.connection", "per-request")
    else:
        _fill_content(settings, message, over_tcp)
    settings.read("load.message.answer", options.answer, "--answer")
    if options.matches is not None:
        settings.set("load.message.matches", options.matches, f"--matches {options.matches}")
    if options.until is not None:
        settings.set("load.message.until", read_escapes("--until", options.until), f"--until {options.until}")
    settings.read("load.message.bytes", options.bytes, "--bytes")
    if options.echo:
        settings.set("load.message.echo", True, "--echo")
    if options.greeting is not None:
        greeting = read_escapes("--greeting", options.greeting)
        settings.set("load.greeting.until", greeting, f"--greeting {options.greeting}")
    if options.subprotocol is not None:
        settings.set("load.subprotocol", options.subprotocol, f"--subprotocol {options.subprotocol}")


def _fill_content(settings: Settings, message: str, over_tcp: bool) -> None:
    settings.set("load.message.text", DEFAULT_MESSAGE)  # so that a mistake here is the only one
    if message.startswith("@"):
        settings.set("load.message", {"binary": named_file("--message", message[1:])}, f"--message {message}")
        return
    text = read_escapes("--message", message) if over_tcp else message
    text = literal_text("--message", text, "put the message in a file (@FILE)")
    settings.set("load.message.text", text, "--message")


def read_escapes(option: str, text: str) -> str:
    """Return a text in which escapes stand for what no shell passes on easily. Raises LoadlabError for other ones."""

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in _ESCAPED:
            return _ESCAPED[name]
        if len(name) < 3:
            raise LoadlabError(
                f"{option}: {found.group()} is no escape; write \\r \\n \\t \\0 \\xNN, or \\\\ for a backslash"
            )
        if (code := int(name[1:], 16)) > _LAST_ASCII:
            raise LoadlabError(
                f"{option}: {found.group()} is no text; put bytes above \\x7f in a file (--message @FILE)"
            )
        return chr(code)

    return _ESCAPE.sub(replace, text)
