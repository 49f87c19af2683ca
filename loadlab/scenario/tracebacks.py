"""What went wrong in a scenario, in the lines of the user's own files."""

import linecache
import traceback
from typing import Final

from loadlab.scenario.other_loops import explain_other_loop
from loadlab.scenario.sources import sources_of

_SHOWN_AT_BEGIN: Final = 4
_SHOWN_AT_END: Final = 8
_ERROR_CHARACTERS: Final = 1000


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
    lines.append(_format_error(error))
    if explanation := explain_other_loop(error):
        lines.append(explanation)
    return "\n".join(lines)


def _format_error(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).rstrip()
    return text if len(text) <= _ERROR_CHARACTERS else f"{text[:_ERROR_CHARACTERS]}..."
