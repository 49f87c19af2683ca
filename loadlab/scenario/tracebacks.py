"""What went wrong in a scenario, in the lines of the user's own files."""

import linecache
import traceback
from types import FrameType
from typing import Final, NamedTuple

from loadlab.scenario.sources import sources_of

_SHOWN_AT_BEGIN: Final = 4
_SHOWN_AT_END: Final = 8
_ERROR_CHARACTERS: Final = 1000


class UserLine(NamedTuple):
    """A line of the user's: where it is, such as `shop.py:17`, and what it says."""

    where: str
    code: str


def line_of_user(frame: FrameType | None) -> UserLine | None:
    """Return the innermost line of the user's that is being executed in `frame` or called it; None if there is none."""
    while frame is not None:
        if (sources := sources_of(frame)) is not None:
            path = frame.f_code.co_filename
            return UserLine(f"{sources.shown(path)}:{frame.f_lineno}", linecache.getline(path, frame.f_lineno).strip())
        frame = frame.f_back
    return None


def format_trace(error: BaseException) -> str:
    """Return the traceback of an error: the user's lines only, the library in which it arose, and what it says."""
    lines: list[str] = []
    library = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        sources, code = sources_of(frame), frame.f_code
        if sources is None:
            library = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            continue
        library = ""
        source = linecache.getline(code.co_filename, number).strip()
        lines.append(f"{sources.shown(code.co_filename)}:{number} in {code.co_qualname}\n    {source}")
    left_out = len(lines) - _SHOWN_AT_BEGIN - _SHOWN_AT_END
    if left_out > 1:
        lines[_SHOWN_AT_BEGIN:-_SHOWN_AT_END] = [f"... {left_out} more calls"]
    if library not in ("", "loadlab", "importlib"):
        lines.append(f"in {library}")
    return "\n".join([*lines, _format_error(error)])


def _format_error(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).rstrip()
    return text if len(text) <= _ERROR_CHARACTERS else f"{text[:_ERROR_CHARACTERS]}..."
