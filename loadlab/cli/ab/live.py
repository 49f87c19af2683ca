"""The line that `loadlab ab` shows on a terminal while it measures: the time left, and the difference so far."""

import time
from collections.abc import Callable
from typing import Final, TextIO

from loadlab.cli.lines import GAP
from loadlab.cli.status_line import StatusLine
from loadlab.report.differences import format_amount, format_interval, name_of
from loadlab.results.paired import Difference

# How the phases begin that follow the last pair.
_AFTERWARDS: Final = ("closing", "tracing", "profiling")


class PairsLine(StatusLine):
    """What is going on; once pairs are measured, how many there are, and by how much B differs from A."""

    def __init__(
        self, at_most_ns: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream, clock)
        self._at_most_seconds = at_most_ns / 1e9
        self._phase = "starting"
        self._began: float | None = None
        self._pairs = 0
        self._difference: Difference | None = None

    def phase(self, name: str, fraction: float | None) -> None:
        """Show what goes on before the first pairs are compared, and after the last one."""
        self._phase = name
        if name.startswith(_AFTERWARDS):
            self._began = None
        self.tick()

    def compared(self, pairs: int, difference: Difference | None) -> None:
        """Show the difference so far."""
        if self._began is None:
            self._began = self._clock()
        self._pairs, self._difference = pairs, difference
        self.tick()

    def text(self) -> str:
        """Return the line."""
        if self._began is None:
            return self._phase
        left = max(self._at_most_seconds - (self._clock() - self._began), 0.0)
        parts = [f"at most {left:.0f} s left", f"{self._pairs} pair{'' if self._pairs == 1 else 's'}"]
        found = self._difference
        if found is not None and found.change is not None:
            change = format_amount(found)
            parts.append(f"B's {name_of(found.metric)} {change} (95 %: {format_interval(found)})")
        return GAP.join(parts)
