"""What a check of this machine is, and what it finds."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements


class State(StrEnum):
    """A warning may distort figures or slow a run down; with a blocker, something that is needed cannot be had."""

    OK = "ok"
    WARNING = "warning"
    BLOCKER = "blocker"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check's result.

    `here` is what the machine has, `needed` what the load takes of it, where that can be said. `problem` is a clause,
    `fix` what to do, with the command where there is one; both are there unless the state is OK.
    """

    check: str
    here: str
    needed: str | None = None
    state: State = State.OK
    problem: str | None = None
    fix: str | None = None

    @property
    def is_blocker(self) -> bool:
        """Whether a trial cannot run for it."""
        return self.state is State.BLOCKER

    def sentence(self) -> str:
        """Return problem and fix, without a full stop; empty if there is no problem."""
        return "; ".join(part for part in (self.problem, self.fix) if part)


class Check(ABC):
    """One thing of this machine that matters to a load.

    It looks when it is made, and then judges by the requirements of one trial after another, with advice where there is
    a problem.
    """

    name: ClassVar[str]
    refuses: ClassVar[bool] = False
    """Whether a trial that it blocks is not even started. Else the trial is tried, and the kernel has the last word."""
    of_clients: ClassVar[bool] = True
    """Whether it matters on a machine that has no target, but generates load."""

    def __init__(self, machine: Machine) -> None:  # noqa: B027 - a check may have nothing to look at
        """Look at the machine."""

    @abstractmethod
    def examine(self, needed: Requirements) -> Diagnosis:
        """Judge what was found by what a trial needs."""

    def ok(self, here: str, needed: str | None = None) -> Diagnosis:
        """Return that there is no problem."""
        return Diagnosis(self.name, here, needed)

    def warning(self, here: str, needed: str | None, problem: str, fix: str) -> Diagnosis:
        """Return that figures may be distorted, or a run slowed down."""
        return Diagnosis(self.name, here, needed, State.WARNING, problem, fix)

    def blocker(self, here: str, needed: str | None, problem: str, fix: str) -> Diagnosis:
        """Return that a trial with these needs cannot run here."""
        return Diagnosis(self.name, here, needed, State.BLOCKER, problem, fix)
