"""One line on a terminal that is kept up to date while something is measured, and is nowhere else."""

import os
import shutil
import sys
import time
from abc import abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from loadlab.experiment.context import Unobserved

_REFRESH_SECONDS: Final = 0.2
_CLEAR_LINE: Final = "\r\x1b[K"


class StatusLine(Unobserved):
    """An observer whose `text` is shown on a terminal.

    `tick` has to be called many times a second; the run's `check` does so. There is no thread beside the measurement,
    and a line costs 0.1 ms.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._is_live = self._stream.isatty() and os.environ.get("TERM") != "dumb"  # which knows no escape sequences
        self._drawn_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    @abstractmethod
    def text(self) -> str:
        """Return the line."""

    def tick(self, now: bool = False) -> None:
        """Draw the line again, if it is time to, or `now`."""
        if self._is_live and (now or self._clock() - self._drawn_at >= _REFRESH_SECONDS):
            self._drawn_at = self._clock()
            self._write(self.text())

    def _write(self, line: str) -> None:
        if not self._is_live:
            return
        columns = shutil.get_terminal_size().columns
        try:
            self._stream.write(_CLEAR_LINE + line[: columns - 1])
            self._stream.flush()
        except OSError:  # the terminal has gone
            self._is_live = False
