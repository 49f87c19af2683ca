"""The terminal: results go to standard output, all else to standard error."""

import contextlib
import io
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

import typer

from loadlab.errors import LoadlabError
from loadlab.units import printable

if TYPE_CHECKING:  # rich takes time to import, which `--help` and `--version` need not wait for
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

# Off a terminal rich assumes 80 columns; a file or a CI log has room for whole lines.
_WIDTH_OF_FILES: Final = 120
_LAYOUT: Final = "\n\t"


def prepare_streams() -> None:
    """Make both streams fit to be written to: they may be closed (`>&-`), or unable to hold a letter such as the µ."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # as long as the program
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@cache
def error_console() -> "Console":
    """Return the console on standard error."""
    from rich.console import Console

    return Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH_OF_FILES, emoji=False, markup=False)


def show(results: "RenderableType") -> None:
    """Print something rich can draw to standard output. Raises LoadlabError where that fails, but for a closed pipe."""
    from rich.console import Console

    drawn = io.StringIO()
    on_terminal = sys.stdout.isatty()
    width = Console().width if on_terminal else _WIDTH_OF_FILES
    # Names and messages are printed as they are: `shop.py:x:` has no emoji in it, and `[./old]` no style.
    Console(file=drawn, force_terminal=on_terminal, width=width, emoji=False, markup=False).print(_Escaped(results))
    _print(drawn.getvalue().rstrip("\n"))


def write(text: str, colour: str | None = None, bold: bool = False) -> None:
    """Print what another program may read, and which may leave early, as `head` does.

    On a terminal control characters are shown escaped, and it has a colour unless NO_COLOR is set; another program gets
    the text as it is. Raises LoadlabError where it cannot be printed for another reason.
    """
    if sys.stdout.isatty():
        text = printable(text, keep=_LAYOUT)
        if (colour or bold) and not os.environ.get("NO_COLOR"):
            text = typer.style(text, fg=colour, bold=bold)
    _print(text)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _abandon_stdout()
        raise typer.Exit from None
    except OSError as error:
        _abandon_stdout()
        raise LoadlabError(f"cannot print to standard output: {error.strerror}") from None


def write_prose(text: str, indent: str = "") -> None:
    """Print sentences like `write`; on a terminal lines are broken between words, and go on behind `indent`."""
    if sys.stdout.isatty():
        text = wrap(printable(text, keep=_LAYOUT), shutil.get_terminal_size().columns, indent)
    write(text)


def notify(text: str, style: str | None = None) -> None:
    """Print lines to standard error as they are: a path or a server's words may hold square brackets.

    They may hold control characters too, which are shown escaped.
    """
    console = error_console()
    text = printable(text, keep=_LAYOUT)
    if console.is_terminal:
        text = wrap(text, console.width)
    with contextlib.suppress(OSError):  # the reader has gone
        console.print(text, markup=False, highlight=False, soft_wrap=True, style=style)


def wrap(text: str, width: int, indent: str = "") -> str:
    """Return the text with its lines broken between words; a path stays in one piece, to be copied."""
    wrapper = textwrap.TextWrapper(width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(line for whole in text.split("\n") for line in wrapper.wrap(whole) or [""])


class _Escaped:
    """Something rich can draw, with the control characters in its text escaped."""

    def __init__(self, results: "RenderableType") -> None:
        self._results = results

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Segment]":
        for segment in console.render(self._results, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text, keep=_LAYOUT))


def _abandon_stdout() -> None:
    # What is still in the buffer would fail again when the interpreter flushes it at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
