"""The line that `loadlab hit` shows on a terminal while it measures: the time left, and the figures so far."""

import time
from collections.abc import Callable
from typing import Final, TextIO

from loadlab.analysis.summary import trustworthy_percentiles
from loadlab.cli.status_line import StatusLine
from loadlab.experiment.context import SoFar
from loadlab.profile import LoadProfile, Trial
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import vocabulary_for
from loadlab.units import format_count, format_duration_ns, format_rate

_CALIBRATING: Final = "calibrating"
_MEASURING: Final = "measuring"
_GAP: Final = "   "


class LiveLine(StatusLine):
    """What is going on, and the figures of the window so far."""

    def __init__(
        self,
        profile: LoadProfile,
        trials: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream, clock)
        self._profile = profile
        self._words = vocabulary_for(profile.load.protocol)
        self._trials = trials
        self._number = 0
        self._phase = "starting"
        self._calibrates = False
        self._began: float | None = None  # when the window did
        self._so_far: SoFar | None = None

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

    def text(self) -> str:
        """Return the line."""
        parts = [f"{self._number}/{self._trials}"] if self._trials > 1 else []
        if self._began is None:
            return _GAP.join([*parts, self._phase])
        parts.append(self._left(self._clock() - self._began))
        if (measured := self._so_far) is not None:
            parts.append(f"{format_rate(measured.requests_per_second)} {self._words.many}/s")
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
        return f"{done:,} of {load.request_count:,} {self._words.many}"
