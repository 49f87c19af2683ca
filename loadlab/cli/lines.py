"""Lines of at most 80 columns for the terminal: labels with figures behind them, and sentences broken between words."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.cli.terminal import write
from loadlab.units import printable

WIDTH: Final = 80
LABEL: Final = 15
GAP: Final = "   "

_COLOURS: Final = {"valid": "green", "suspect": "yellow", "invalid": "red"}

Tone = Literal["plain", "strong", "valid", "suspect", "invalid"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, and how a terminal may colour it."""

    text: str
    tone: Tone = "plain"


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines to standard output, in colour on a terminal."""
    for line in lines:
        write(line.text, colour=_COLOURS.get(line.tone), bold=line.tone == "strong")


def labelled(label: str, text: str) -> Line:
    """Return a label and what is behind it."""
    return Line(f"{label:<{LABEL}}{text}")


def labelled_parts(label: str, parts: Iterable[str]) -> Iterator[Line]:
    """Yield a label and its parts, in further lines where one is too short for them."""
    line = f"{label:<{LABEL}}"
    empty = True
    for part in parts:
        if not empty and len(line) + len(GAP) + len(part) > WIDTH:
            yield Line(line)
            line, empty = " " * LABEL, True
        line += part if empty else GAP + part
        empty = False
    yield Line(line)


def wrapped(text: str, indent: int, tone: Tone = "plain") -> Iterator[Line]:
    """Yield the lines of a sentence; all but the first are indented."""
    wrapper = textwrap.TextWrapper(
        WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    yield from (Line(line, tone) for line in wrapper.wrap(printable(text)))


def cut(text: str, width: int = WIDTH) -> str:
    """Return a text that fits on a line, without its end if it is too long."""
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 3]}..."
