"""What everything in a run shares: this machine's resources, who is kept informed, and how it is ended early."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

from loadlab.experiment.placement import Resources
from loadlab.profile.sweep import Trial
from loadlab.results.model import TrialResult


class Observer(Protocol):
    """What a run reports as it goes on; the terminal's progress display is one such observer.

    Called from the thread that measures: an observer that takes long delays the measurement's bookkeeping.
    """

    def trial_begins(self, trial: Trial) -> None:
        """A trial is about to start its target."""

    def phase(self, name: str, fraction: float | None) -> None:
        """The trial is at `name`, such as "warming up"; `fraction` of it is done (None: not known)."""

    def rate(self, requests_per_second: float) -> None:
        """The rate over the last interval of the measured window."""

    def trial_ended(self, result: TrialResult) -> None:
        """A trial has its result, whatever its state."""


class Unobserved:
    """An observer for those who need only the results."""

    def trial_begins(self, trial: Trial) -> None:
        """Do nothing."""

    def phase(self, name: str, fraction: float | None) -> None:
        """Do nothing."""

    def rate(self, requests_per_second: float) -> None:
        """Do nothing."""

    def trial_ended(self, result: TrialResult) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """The resources that trials have, the observer, and `check`.

    `check` is called many times a second wherever a trial can end without losing anything. It raises KeyboardInterrupt
    when the user wants an end.
    """

    resources: Resources
    observer: Observer
    check: Callable[[], None]

    def with_resources(self, resources: Resources) -> Self:
        """Return the context with other resources."""
        return replace(self, resources=resources)
