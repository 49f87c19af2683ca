"""What an experiment tells while it runs; the terminal's progress display is one such observer."""

from typing import Protocol

from loadlab.profile.sweep import Trial
from loadlab.results.model import TrialResult


class Observer(Protocol):
    """Called from the thread that measures: an observer that takes long delays the measurement's bookkeeping."""

    def trial_begins(self, trial: Trial) -> None:
        """A trial is about to start its target."""

    def phase(self, name: str, fraction: float | None) -> None:
        """The trial is at `name`, such as "warming up"; `fraction` of it is done (None: not known)."""

    def rate(self, requests_per_second: float) -> None:
        """The rate over the last interval of the measured window."""

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has its result, whatever its state."""
