"""Which trials stand at the same time: as many as this machine has room for, by what each of them takes."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from loadlab.experiment.preflight import required_by
from loadlab.host import Examination, Machine, Requirements, together
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial

# What trials take is an estimate, and buffers of sockets and the page cache need room, too.
_SHARE_OF_MEMORY: Final = 0.6
# What a program of the user's takes is not known: as much as a large Java or Node server at its start.
_COMMAND_BYTES: Final = 512 << 20


def plan_batches(trials: Sequence[Trial], machine: Machine | None = None) -> list[list[Trial]]:
    """Return the trials in their order, in batches that can stand at the same time.

    Those of a profile without rounds stand alone, and so does what does not fit even then. Trials of one server that
    runs already, or is to listen at an address of its own, stand one after the other. So do repeats: each is to have a
    new rig.
    """
    if not any(trial.profile.in_rounds for trial in trials):
        return [[trial] for trial in trials]
    machine = Machine() if machine is None else machine
    examination = Examination(machine)
    needed = [_required_by(trial, machine) for trial in trials]
    batches: list[list[Trial]] = []
    alone: list[list[Trial]] = []
    taken = Requirements()
    for trial, required in zip(trials, needed, strict=True):
        both = together(taken, required)
        if not _fits(required, examination):
            alone.append([trial])
        elif batches and _may_join(trial, batches[-1]) and _fits(both, examination):
            batches[-1].append(trial)
            taken = both
        else:
            batches.append([trial])
            taken = required
    return batches + alone


def _may_join(trial: Trial, batch: Collection[Trial]) -> bool:
    if any(other.repeat != trial.repeat for other in batch):
        return False
    address = _address(trial)
    return address is None or address not in map(_address, batch)


def _required_by(trial: Trial, machine: Machine) -> Requirements:
    required = required_by(trial.profile, machine)
    if isinstance(trial.profile, LoadProfile) and trial.profile.target.kind == "command":
        return replace(required, memory_bytes=required.memory_bytes + _COMMAND_BYTES)
    return required


def _address(trial: Trial) -> str | None:
    return trial.profile.target.address if isinstance(trial.profile, LoadProfile) else None


def _fits(needed: Requirements, examination: Examination) -> bool:
    spacious = replace(needed, memory_bytes=round(needed.memory_bytes / _SHARE_OF_MEMORY))
    return not any(diagnosis.is_blocker for diagnosis in examination.judge(spacious))
