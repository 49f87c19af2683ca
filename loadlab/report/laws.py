"""The laws of a run, each beside the line that it was fitted through."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadlab.report.arrangement import Arrangement
from loadlab.results.model import Law


@dataclass(frozen=True, slots=True)
class LineLaw:
    """What one line of a chart follows; `line` is its index."""

    line: int
    text: str


def laws_of(arrangement: Arrangement, laws: Iterable[Law], metric: str) -> tuple[LineLaw, ...]:
    """Return the laws of `metric` over the x axis, in the order of the lines."""
    found = [
        LineLaw(line, law.text)
        for law in laws
        if law.metric == metric
        and law.over == arrangement.x_path
        and (line := arrangement.line_of(law.where)) is not None
    ]
    return tuple(sorted(found, key=lambda law: law.line))
