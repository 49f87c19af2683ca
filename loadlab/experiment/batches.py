"""Which trials stand at the same time: as many as there is room for, by what each of them takes.

With load from other machines that is this machine's room for targets, and their memory for connections.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadlab.experiment.preflight import required_by
from loadlab.host import Examination, Machine, Requirements, together
from loadlab.host.requirements import ONE_END_BYTES
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial

# What trials take is an estimate, and buffers of sockets and the page cache need room, too.
_SHARE_OF_MEMORY: Final = 0.6
# What a program of the user's takes is not known: as much as a large Java or Node server at its start.
_COMMAND_BYTES: Final = 512 << 20


def plan_batches(
    trials: Sequence[Trial], machine: Machine | None = None, client_bytes: int | None = None
) -> list[list[Trial]]:
    """Return the trials in their order, in batches that can stand at the same time.

    `client_bytes` is the memory of the machines that the load comes from; None for load from this one.

    Those of a profile without rounds stand alone, and so does what does not fit even then. Trials of one server that
    runs already, or is to listen at an address of its own, stand one after the other. So do repeats: each is to have a
    new rig.
    """
    if not any(trial.profile.in_rounds for trial in trials):
        return [[trial] for trial in trials]
    machine = Machine() if machine is None else machine
    room = _Room(Examination(machine), client_bytes)
    needed = [_required_by(trial, machine, load_is_here=client_bytes is None) for trial in trials]
    batches: list[list[Trial]] = []
    alone: list[list[Trial]] = []
    taken = Requirements(), 0
    for trial, required in zip(trials, needed, strict=True):
        both = together(taken[0], required[0]), taken[1] + required[1]
        if not room.suffices(*required):
            alone.append([trial])
        elif batches and _may_join(trial, batches[-1]) and room.suffices(*both):
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


def _required_by(trial: Trial, machine: Machine, load_is_here: bool) -> tuple[Requirements, int]:
    """Return what a trial takes of this machine, and of the memory of others that its load comes from."""
    required = required_by(trial.profile, machine, load_is_here)
    if not isinstance(trial.profile, LoadProfile):
        return required, 0
    if trial.profile.target.kind == "command":
        required = replace(required, memory_bytes=required.memory_bytes + _COMMAND_BYTES)
    load = trial.profile.load
    held = load.connections + load.slow_connections + load.idle
    return required, 0 if load_is_here else held * ONE_END_BYTES


def _address(trial: Trial) -> str | None:
    return trial.profile.target.address if isinstance(trial.profile, LoadProfile) else None


@dataclass(frozen=True, slots=True)
class _Room:
    """What this machine has room for, and the memory of those that the load comes from; None for this one."""

    examination: Examination
    client_bytes: int | None

    def suffices(self, needed: Requirements, client_bytes: int) -> bool:
        """Return whether trials that take so much may stand at the same time."""
        if self.client_bytes is not None and client_bytes > self.client_bytes * _SHARE_OF_MEMORY:
            return False
        spacious = replace(needed, memory_bytes=round(needed.memory_bytes / _SHARE_OF_MEMORY))
        return not any(diagnosis.is_blocker for diagnosis in self.examination.judge(spacious))
