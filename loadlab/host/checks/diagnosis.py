"""What a check finds: whether something of this machine is fit for a load, and if not, how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """A warning may spoil figures or slow a run down; with a blocker, what is needed cannot be had."""

    OK = "ok"
    WARNING = "warning"
    BLOCKER = "blocker"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check's result.

    `here` is what the machine has, `needed` what the load takes of it where that can be said. `problem` is a clause and
    `fix` what to do, with the command where there is one; both are given unless all is well.
    """

    check: str
    here: str
    needed: str | None = None
    state: State = State.OK
    problem: str | None = None
    fix: str | None = None

    def sentence(self) -> str:
        """Return problem and fix, without a full stop; empty if all is well."""
        return "; ".join(part for part in (self.problem, self.fix) if part)
