"""The line that `loadlab hit` shows on a terminal while it measures: the time left, and the figures so far."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from loadlab.analysis.summary import trustworthy_percentiles
from loadlab.experiment.context import SoFar, Unobserved
from loadlab.profile import LoadProfile, Trial
from loadlab.results.model import TrialResult
from loadlab.units import format_count, format_duration_ns, format_rate

_REFRESH_SECONDS: Final = 0.2
_CLEAR_LINE: Final = "\r\x1b[K"
_CALIBRATING: Final = "calibrating"
_MEASURING: Final = "measuring"
_GAP: Final = "   "


class LiveLine(Unobserved):
    """An observer that keeps one line up to date on a terminal, and shows nothing elsewhere.

    `tick` has to be called many times a second; the run's `check` does so. There is no thread beside the measurement,
    and a line costs 0.1 ms.
    """

    def __init__(
        self,
        profile: LoadProfile,
        trials: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._profile = profile
        self._trials = trials
        self._number = 0
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._is_live = self._stream.isatty() and os.environ.get("TERM") != "dumb"  # which knows no escape sequences
        self._phase = "starting"
        self._calibrates = False
        self._began: float | None = None  # when the window did
        self._so_far: SoFar | None = None
        self._drawn_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def trial_begins(self, trial: Trial) -> None:
        """Count the repeats."""
        self._number += 1
        self._calibrates = False
        self._so_far = None

    def phase(self, name: str, fraction: float | None) -> None:
        """Show what goes on; of the calibration before the first trial, which is a trial itself, only its name."""
        if name.startswith(_CALIBRATING):
            self._calibrates = True
        elif self._calibrates:
            return
        if name == _MEASURING and self._phase != _MEASURING:
            self._began = self._clock()
        elif name != _MEASURING:
            self._began = None
        self._phase = name
        self.tick(now=fraction == 0.0)

    def so_far(self, measured: SoFar) -> None:
        """Show the figures."""
        self._so_far = None if self._calibrates else measured
        self.tick(now=True)

    def trial_ended(self, result: TrialResult) -> None:
        """Do nothing: the summary has it."""

    def tick(self, now: bool = False) -> None:
        """Draw the line again, if it is time to, or `now`."""
        if self._is_live and (now or self._clock() - self._drawn_at >= _REFRESH_SECONDS):
            self._drawn_at = self._clock()
            self._write(self.text())

    def text(self) -> str:
        """Return the line."""
        parts = [f"{self._number}/{self._trials}"] if self._trials > 1 else []
        if self._began is None:
            return _GAP.join([*parts, self._phase])
        parts.append(self._left(self._clock() - self._began))
        if (measured := self._so_far) is not None:
            parts.append(f"{format_rate(measured.requests_per_second)} requests/s")
            trusted = trustworthy_percentiles(measured.responses.count)
            wanted = [(name, at) for name, at in (("p50", 50), ("p99", 99)) if name in trusted]
            values = measured.responses.values_at([at for _, at in wanted]) if wanted else {}
            parts += [f"{name} {format_duration_ns(values[at])}" for name, at in wanted]
            parts.append(f"{format_count(measured.failed)} failed")
        return _GAP.join(parts)

    def _left(self, passed_seconds: float) -> str:
        load = self._profile.load
        if load.request_count is None:
            return f"{max(load.duration_ns / 1e9 - passed_seconds, 0.0):.1f} s left"
        done = self._so_far.requests + self._so_far.failed if self._so_far else 0
        return f"{done:,} of {load.request_count:,} requests"

    def _write(self, line: str) -> None:
        if not self._is_live:
            return
        columns = shutil.get_terminal_size().columns
        try:
            self._stream.write(_CLEAR_LINE + line[: columns - 1])
            self._stream.flush()
        except OSError:  # the terminal has gone
            self._is_live = False
