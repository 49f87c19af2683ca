"""A profile's plain data as commented YAML, for a reader who goes on from there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from loadlab.cli.files import write_file
from loadlab.errors import LoadlabError
from loadlab.profile.paths import Data
from loadlab.profile.writing import format_scalar, format_value
from loadlab.units import printable

_LONGEST_TEXT: Final = 4000  # of a value in a profile; a longer body is saved in a file of its own
_COMMENT_COLUMN: Final = 30
_COMMENTS: Final[Mapping[str, str]] = {
    "target.address": 'a command would start it: command: [./server, --port, "{port}"]',
    "target.tls": "the connection is encrypted; {} for the defaults",
    "target.tls.verify": "any certificate is accepted",
    "load.protocol": "what is spoken",
    "load.connections": "each sends its next request when its response has arrived",
    "load.rate": "requests per second, sent whether or not responses have arrived",
    "load.arrivals": "as of independent users; constant is evenly spaced",
    "load.idle": "connections that are open, and ask for nothing",
    "load.idle_protocol": "what these speak; tcp says nothing",
    "load.warmup": "load before the measurement, not counted",
    "load.request_count": "so many requests, however long they take",
    "load.timeout": "later responses count as failed",
    "load.connection": "each request opens a connection; keep-alive would keep it",
    "load.request.stream": "the first byte of the body and the gaps between its pieces are timed",
    "load.message": "what is sent, and how the end of its answer is known",
    "load.greeting": "what the server says first on each connection",
    "load.request.expect": "anything else counts as failed",
    "probes": "syscalls and cpu measure again, under profilers",
    "repeat": "each trial so many times",
}
_NEXT: Final = """
# From here to an experiment: a sweep makes a trial of each combination of values, and the page draws them.
# sweep:
#   load.connections: [1, 10, 50, 200]
#   load.idle: [0, 1000, 5000]
# plot: {x: load.connections, series: load.idle}
# expect: ["errors == 0", "p99 <= 50ms"]      # exit code 1 if it is not met
"""


def format_profile(data: Data, folder: Path) -> str:
    """Return a profile for a file in `folder`. Names of files below it are written relative to it."""
    lines = _lines(_relative(data, folder))
    return "# As `loadlab hit` measured it. Run it with `loadlab run FILE`; docs/profile.md has all keys.\n" + (
        "\n".join(lines) + "\n" + _NEXT
    )


def save_profile(data: Data, path: Path) -> None:
    """Write a profile. A body that is too long for YAML is saved beside it, in a file with the suffix .body.

    A file that holds something else is not overwritten. Raises LoadlabError.
    """
    data = json.loads(json.dumps(data))  # a copy
    request = data["load"].get("request", {})
    if len(request.get("body", "")) > _LONGEST_TEXT:
        beside = path.with_suffix(".body")
        write_file(beside, request.pop("body"))
        request["file"] = str(beside.absolute())
    text = format_profile(data, path.absolute().parent)
    if path.exists() and path.is_file() and path.read_text(encoding="utf-8", errors="replace") != text:
        raise LoadlabError(
            f"{printable(str(path))} exists already; name another file with --save-profile, or remove it"
        )
    write_file(path, text, private="Authorization" in request.get("headers", {}))


def _relative(data: Data, folder: Path) -> Data:
    """Return the data with names of files below `folder` relative to it."""
    found: Data = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found[key] = _relative(value, folder)
        elif (
            key in ("file", "binary", "ca", "cert", "key")
            and isinstance(value, str)
            and Path(value).is_relative_to(folder)
        ):
            found[key] = str(Path(value).relative_to(folder))
        else:
            found[key] = value
    return found


def _lines(data: Data, above: tuple[str, ...] = ()) -> Iterator[str]:
    indent = "  " * len(above)
    for key, value in data.items():
        path = (*above, key)
        comment = _COMMENTS.get(".".join(path), "")
        if isinstance(value, dict) and value:
            yield _commented(f"{indent}{format_scalar(key)}:", comment)
            yield from _lines(value, path)
        else:
            yield _commented(f"{indent}{format_scalar(key)}: {format_value(value)}", comment)


def _commented(line: str, comment: str) -> str:
    return f"{f'{line} ':<{_COMMENT_COLUMN}}# {comment}" if comment else line
