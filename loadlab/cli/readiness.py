"""Whether a profile can run on this machine, before anything of it is started: what `doctor` and `run` tell of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from loadlab import targets
from loadlab.host import Condition, Diagnosis, State, examine_load, largest, needs_of
from loadlab.profile import LoadProfile, Trial
from loadlab.profile.address import parse_address
from loadlab.profile.target import Target


@dataclass(frozen=True, slots=True)
class Readiness:
    """Each check judged by the trial that needs most of it, and how many of the trials are not possible."""

    diagnoses: tuple[Diagnosis, ...]
    trials: int
    impossible: int

    @classmethod
    def of(cls, trials: Sequence[Trial], condition: Condition) -> Self:
        """Judge the trials of a profile by the condition of the machine and the servers that are installed."""
        asked = [trial.profile.target if isinstance(trial.profile, LoadProfile) else None for trial in trials]
        catalog = targets.catalog()
        by_name = {target.name: target for target in asked if target is not None}
        missing = {name: found for name, target in sorted(by_name.items()) if (found := _diagnose(target, catalog))}
        needs = [needs_of(trial.profile, condition) for trial in trials]
        impossible = sum(
            (target is not None and target.name in missing)
            or any(each.state is State.BLOCKER for each in examine_load(condition, needed))
            for target, needed in zip(asked, needs, strict=True)
        )
        return cls((*missing.values(), *examine_load(condition, largest(needs))), len(trials), impossible)

    def warnings(self) -> list[str]:
        """Return a sentence for each thing that may spoil the figures."""
        return [format_problem(each) for each in self.diagnoses if each.state is State.WARNING]

    def refusal(self) -> str | None:
        """Return a sentence on the trials that are not possible, why, and what to do; None if all are."""
        if not self.impossible:
            return None
        verb = "is" if self.impossible == 1 else "are"
        which = "the only trial" if self.trials == 1 else f"{self.impossible:,} of {self.trials:,} trials"
        return f"{which} {verb} not possible: {'; and '.join(self.reasons())}."

    def reasons(self) -> list[str]:
        """Return a clause for each thing that stops a trial."""
        return [each.sentence() for each in self.diagnoses if each.state is State.BLOCKER]


def format_problem(diagnosis: Diagnosis) -> str:
    """Return what is wrong, with the name of the check before it."""
    return f"{diagnosis.check}: {diagnosis.sentence()}."


def _diagnose(target: Target, catalog: Mapping[str, targets.TargetDescription]) -> Diagnosis | None:
    """Return why a target cannot be had, None if it can."""
    if target.address is not None:
        try:
            targets.find_server(targets.resolve_localhost(parse_address(target.address)), target.pid)
        except targets.NotAttachable as lack:
            return Diagnosis(f"server {target.address}", "not found", None, State.BLOCKER, str(lack))
        return None
    description = catalog[target.name]
    if description.needs is None or targets.why_missing(description) is None:
        return None
    return _diagnose_missing(target.name, description.needs)


def _diagnose_missing(server: str, needs: targets.Needs) -> Diagnosis:
    needed = needs.program or f"the Python module {needs.module}"
    return Diagnosis(f"server {server}", "not installed", needed, State.BLOCKER, needs.problem, needs.install)
