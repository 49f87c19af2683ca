"""How sure a run is, in words: rounds and repeats, how far the machine's speed moved, and the verdict on its trials."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.analysis.uncertainty import FEWEST_ROUNDS
from loadlab.report.layout import CHANCE
from loadlab.report.paired import describe_course, describe_limits
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import TrialResult
from loadlab.units import format_percent

STEADY: Final = 0.05
"""By how much readings of a steady machine's speed scatter at most."""

FINDINGS: Final = "findings"
"""The id of the section that lists what casts doubt on figures."""

_LEAST_CHANCE: Final = 0.1
_FEWEST_READINGS: Final = 4


@dataclass(frozen=True, slots=True)
class Clause:
    """One statement of how sure the run is; `anchor` is the id of the section that says more."""

    text: str
    anchor: str = ""


def describe_certainty(document: RunDocument) -> Iterator[Clause]:
    """Yield what a reader has to know before any figure: intervals, the machine's speed, doubts, repeated attempts."""
    if document.ab is not None:
        yield from (Clause(text) for text in (describe_course(document), *describe_limits(document)) if text)
    else:
        yield from describe_windows(document)
    if (moved := speed_moved(speed_of_run(document))) is not None:
        how = "moved by" if moved >= STEADY else "was steady within"
        whose = "The speed of the target's cores" if document.client_speeds else "The machine's speed"
        yield Clause(f"{whose} {how} {format_percent(moved)} during the run.", "speed")
    yield from describe_batches(document)
    yield _describe_verdict(document)
    if document.spoiled:
        again = len({trial.id for trial in document.spoiled})
        yield Clause(
            f"{again} trial{' was' if again == 1 else 's were'} measured again, as the machine had spoiled "
            f"{'it' if again == 1 else 'them'}.",
            "spoiled",
        )


def chance_of(document: RunDocument) -> float:
    """Return by which share figures of single windows may differ by chance: as far as the speed moved, or a guess."""
    moved = speed_moved(speed_of_run(document))
    return CHANCE if moved is None else max(moved, _LEAST_CHANCE)


def speed_of_run(document: RunDocument) -> MachineSpeed | None:
    """Return the speed that figures of the target depend on: this machine's, or of that of the cluster which had it.

    None where it was not measured, or targets were on several machines.
    """
    hosts = {trial.server.on for trial in document.trials if trial.server is not None}
    if hosts <= {None}:
        return document.speed
    return document.client_speeds.get(next(iter(hosts)) or "") if len(hosts) == 1 else None


def speed_moved(speed: MachineSpeed | None) -> float | None:
    """Return by which share of the fastest the machine was slower at its slowest, on the side where that is more.

    None where there are too few readings.
    """
    if speed is None or len(speed.readings) < _FEWEST_READINGS:
        return None
    changes = (speed.change("target"), speed.change("client"))
    return max((change for change in changes if change is not None), default=None)


def has_intervals(trials: Iterable[TrialResult]) -> bool:
    """Return whether all trials that were measured have 95 % intervals."""
    measured = [trial for trial in trials if trial.state == "done"]
    return bool(measured) and all(trial.confidence for trial in measured)


def describe_windows(document: RunDocument) -> Iterator[Clause]:
    """Yield whether figures have intervals, and if not what may be chance; nothing where nothing was measured."""
    if measured := [trial for trial in document.trials if trial.state == "done"]:
        yield Clause(_describe_windows(measured, document))


def describe_batches(document: RunDocument) -> Iterator[Clause]:
    """Yield that not all trials stood at the same time, if that is so."""
    batches = {trial.batch for trial in document.trials if trial.batch is not None}
    if len(batches) > 1:
        yield Clause(
            f"Not all trials fitted on the machine at once: they stood in {len(batches)} batches, and what is compared "
            "across batches was measured at different times."
        )


def _describe_windows(trials: Sequence[TrialResult], document: RunDocument) -> str:
    if has_intervals(trials):
        rounds = sorted({len(trial.rounds) for trial in trials})
        many = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
        return f"Figures are medians of {many} rounds; in parentheses: their 95 % intervals."
    repeats = max(trial.repeat for trial in trials)
    if repeats >= FEWEST_ROUNDS:
        return f"Figures are medians of {repeats} repeats; in parentheses: their 95 % intervals."
    most = max(len(trial.rounds) for trial in trials)
    if most >= FEWEST_ROUNDS:
        known = sum(bool(trial.confidence) for trial in trials)
        return f"Figures are medians of up to {most} rounds; {known} of {len(trials)} trials have 95 % intervals."
    if most > 1:
        return f"{most} rounds are too few for intervals: differences below {_chance(document)} may be chance."
    if repeats > 1:
        return (
            f"Trials were repeated {repeats} times, in one window each: a difference below their spread may be chance."
        )
    if len(trials) == 1 and document.trials_planned == 1:
        return (
            "One window: no interval. To know how sure this is, measure in several rounds, or compare two servers with "
            "loadlab ab."
        )
    if any(trial.cost_ns is not None for trial in trials):
        return f"Each point was measured once: differences below {_chance(document)} may be chance."
    chance = _chance(document)
    return f"One window per trial: no intervals, and differences below {chance} may be chance; rounds would show."


def _chance(document: RunDocument) -> str:
    return format_percent(chance_of(document))


def _describe_verdict(document: RunDocument) -> Clause:
    # What is not possible on this machine casts no doubt on the rest.
    attempted = [trial for trial in document.trials if trial.state != "not possible"]
    doubted = [trial for trial in attempted if trial.state == "done" and trial.verdict.state != "valid"]
    total = len(attempted)
    if document.verdict == "valid":
        notes = any(trial.verdict.findings for trial in document.trials)
        return Clause("No finding casts doubt on the figures.", FINDINGS if notes else "")
    lost = [trial for trial in attempted if trial.state == "failed" or trial.verdict.state == "invalid"]
    if lost and total == 1:
        return Clause("The trial is invalid: it says nothing about the target.", FINDINGS)
    if lost:
        are = "is" if len(lost) == 1 else "are"
        return Clause(f"{len(lost)} of {total} trials {are} invalid, and not compared.", FINDINGS)
    if total == 1:
        return Clause("Findings cast doubt on these figures.", FINDINGS)
    if not doubted:
        return Clause("The run did not finish.")
    whose = f"all {total}" if len(doubted) == total else f"{len(doubted)} of {total}"
    return Clause(f"Findings cast doubt on {whose} trials.", FINDINGS)
