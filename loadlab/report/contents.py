"""The list of contents: what the sections of a page are called, and where they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Entry:
    """A section by its heading; `anchor` is its id."""

    anchor: str
    title: str


def contents_of(html: str, without: str = "") -> Sequence[Entry]:
    """Return the sections in `html` that have an id, by their first heading of level 2.

    `without` is an ending that many headings share, and that is left out.
    """
    parser = _Parser()
    parser.feed(html)
    return [
        Entry(anchor, title.strip().removesuffix(without)) for anchor, title in parser.found.items() if title.strip()
    ]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._section: str | None = None
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._section = dict(attrs).get("id")
        elif tag == "h2" and self._section is not None and self._section not in self.found:
            self.found[self._section] = ""
            self._in_heading = True

    def handle_endtag(self, tag: str) -> None:
        self._in_heading = self._in_heading and tag != "h2"

    def handle_data(self, data: str) -> None:
        if self._in_heading and self._section is not None:
            self.found[self._section] += data
