"""Whether trials and their profilers can run on this machine, before anything is started.

`doctor`, the warnings of `run` and each trial ask the same: the checks of `loadlab.host`, the bundled servers, and the
probes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self

from loadlab import targets
from loadlab.experiment.context import resources_of_host
from loadlab.host import Diagnosis, Examination, Machine, Requirements, State, largest, requirements_of, why_refused
from loadlab.probes.cpu import probe as cpu
from loadlab.probes.probe import Lack
from loadlab.probes.speed import watch_speed
from loadlab.probes.syscalls import choice as syscalls
from loadlab.profile import LoadProfile, Profile, Trial
from loadlab.profile.address import TcpAddress, parse_address
from loadlab.profile.target import Target
from loadlab.results.probe_data import Side
from loadlab.results.speed import MachineSpeed
from loadlab.units import format_share

_SPEED_SECONDS: Final = 2.0
# The scatter of the readings themselves; and what makes a trial's finding likely (docs/verdict.md).
_STEADY: Final = 0.05
_CHANGING: Final = 0.1
_SIDES: Final[tuple[Side, ...]] = ("target", "client")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Each check judged by the trial that needs most of it, and the positions of the trials that are not possible."""

    diagnoses: tuple[Diagnosis, ...]
    trials: int
    blocked: frozenset[int]

    @classmethod
    def of(
        cls,
        trials: Sequence[Trial],
        machine: Machine | None = None,
        names: targets.Names | None = None,
        load_is_here: bool = True,
    ) -> Self:
        """Judge the trials of a profile by a machine, by default this one now, and by the servers that are installed.

        With load from other machines it is about the target only.

        Takes half a second, to see what else runs, unless the machine has been watched already.
        """
        machine = Machine() if machine is None else machine
        names = targets.Names() if names is None else names
        examination = Examination(machine)
        loads = [trial.profile if isinstance(trial.profile, LoadProfile) else None for trial in trials]
        asked = [None if load is None else load.target for load in loads]
        catalog = targets.catalog()
        # What another machine of the cluster lacks is found there.
        by_name = {target.name: target for target in asked if target is not None and target.on is None}
        handlers = {
            name: {
                handler for load in loads if load is not None and load.target.name == name for handler in load.handlers
            }
            for name in by_name
        }
        diagnoses = {
            name: _diagnose(target, handlers[name], catalog, names) for name, target in sorted(by_name.items())
        }
        missing = {name: found for name, found in diagnoses.items() if found is not None}
        needed = [_requirements_of(trial.profile, machine, catalog, load_is_here) for trial in trials]
        blocked = {
            index
            for index, (target, required) in enumerate(zip(asked, needed, strict=True))
            if (target is not None and target.on is None and target.name in missing)
            or any(each.is_blocker for each in examination.judge(required))
        }
        return cls((*missing.values(), *examination.judge(largest(needed))), len(trials), frozenset(blocked))

    def with_lacks(self, lacks: Iterable[Diagnosis], blocked: Collection[int]) -> Self:
        """Return it with what other machines lack for the trials at these positions."""
        return replace(self, diagnoses=(*self.diagnoses, *lacks), blocked=self.blocked | frozenset(blocked))

    @property
    def impossible(self) -> int:
        """How many of the trials are not possible."""
        return len(self.blocked)

    @property
    def can_run(self) -> bool:
        """Whether at least one of the trials is possible."""
        return self.impossible < self.trials

    def warnings(self) -> list[str]:
        """Return a sentence for each thing that may distort the figures."""
        return [format_problem(each) for each in self.diagnoses if each.state is State.WARNING]

    def refusal(self) -> str | None:
        """Return a sentence on the trials that are not possible, why, and what to do; None if all are."""
        if not self.impossible:
            return None
        verb = "is" if self.impossible == 1 else "are"
        which = "the only trial" if self.trials == 1 else f"{self.impossible:,} of {self.trials:,} trials"
        return f"{which} {verb} not possible: {'; and '.join(self.reasons())}."

    def reasons(self) -> list[str]:
        """Return a clause for each thing that makes a trial impossible."""
        return [each.sentence() for each in self.diagnoses if each.is_blocker]


def names_for(trials: Iterable[Trial]) -> targets.Names:
    """Return the names of the trials' servers; raise NotAllowed if one is on a machine that must not be loaded."""
    profiles = [trial.profile for trial in trials if isinstance(trial.profile, LoadProfile)]
    names = targets.Names({host for profile in profiles for host in profile.allow_remote})
    attached = (each.target for each in profiles if each.target.kind == "address" and each.target.on is None)
    for text in dict.fromkeys(target.address for target in attached):
        names.check(parse_address(text or ""))
    return names


def required_by(profile: Profile, machine: Machine, load_is_here: bool = True) -> Requirements:
    """Return what a trial of this profile takes of a machine; with load from others it is about the target only.

    A target on a machine of the cluster counts as if it were on this one.
    """
    if isinstance(profile, LoadProfile):
        profile = profile.model_copy(update={"target": profile.target.model_copy(update={"on": None})})
    return _requirements_of(profile, machine, targets.catalog(), load_is_here)


def required_by_target(profile: LoadProfile) -> Requirements:
    """Return what the target of a trial takes of the machine that it is on, with its load from others."""
    target = profile.target
    bundled = None if target.server is None else targets.catalog()[target.server].footprint(target.options)
    return requirements_of(profile, Machine().own, bundled, load_is_here=False)


def why_not_started(profile: Profile, load_is_here: bool = True) -> str | None:
    """Return why a trial of this profile must not be started on this machine now, in a sentence; None if it may be.

    With load from other machines it is about the target only.
    """
    machine = Machine()
    return why_refused(machine, _requirements_of(profile, machine, targets.catalog(), load_is_here))


def examine_profilers() -> list[Diagnosis]:
    """Return a diagnosis of each program that a probe can use."""
    tracers = [_diagnose_profiler("syscalls", backend.name, backend.why_unavailable()) for backend in syscalls.BACKENDS]
    return [*tracers, *_examine_samplers()]


def examine_machine_speed(watch: Callable[[float], MachineSpeed] | None = None) -> Diagnosis:
    """Return how steady the speed of this machine's cores is; takes two seconds, which pass in `watch`."""
    placement = resources_of_host().placement
    watched = partial(watch_speed, placement.target, placement.load) if watch is None else watch
    speed = watched(_SPEED_SECONDS)
    change = max((each for side in _SIDES if (each := speed.change(side)) is not None), default=None)
    if change is None:
        return Diagnosis("machine speed", "unknown")
    share = format_share(round(change, 2))
    if change < _STEADY:
        return Diagnosis("machine speed", f"steady within {share}")
    here = f"changes by {share} within two seconds"
    if change < _CHANGING:
        return Diagnosis("machine speed", here)
    return Diagnosis(
        "machine speed",
        here,
        None,
        State.WARNING,
        f"the speed of the cores {here}, and figures that are measured one after the other with it",
        "measure in several rounds (rounds: 10 in a profile), compare two servers with `loadlab ab`, or use a machine "
        "with dedicated cores",
    )


def examine_profilers_of(profiles: Iterable[Profile]) -> list[Diagnosis]:
    """Return a diagnosis of each program that the probes of these profiles use, or would use if it worked."""
    with_load = [profile for profile in profiles if isinstance(profile, LoadProfile)]
    wanted = dict.fromkeys(tracer for profile in with_load if (tracer := profile.syscalls_tracer) is not None)
    choices = [syscalls.choose_backend(tracer or None) for tracer in wanted]
    found = [diagnosis for choice in choices for diagnosis in _examine_choice(choice)]
    samplers = _examine_samplers() if any("cpu" in profile.probes for profile in with_load) else []
    return [*dict.fromkeys(found), *samplers]


def format_problem(diagnosis: Diagnosis) -> str:
    """Return what is wrong, with the name of the check before it."""
    return f"{diagnosis.check}: {diagnosis.sentence()}."


def _requirements_of(
    profile: Profile, machine: Machine, catalog: Mapping[str, targets.TargetDescription], load_is_here: bool = True
) -> Requirements:
    target = profile.target if isinstance(profile, LoadProfile) else None
    if target is not None and target.on is not None:
        return Requirements()  # of this machine
    bundled = None if target is None or target.server is None else catalog[target.server].footprint(target.options)
    return requirements_of(profile, machine.own, bundled, load_is_here)


def _diagnose(
    target: Target, handlers: Collection[str], catalog: Mapping[str, targets.TargetDescription], names: targets.Names
) -> Diagnosis | None:
    """Return why a target cannot be had, None if it can."""
    if target.kind == "command":
        lack = targets.why_command_not_started(target)
        return None if lack is None else Diagnosis(f"server {target.name}", "not found", None, State.BLOCKER, lack)
    if target.address is not None:
        try:
            address = names.resolve(parse_address(target.address))
            if not isinstance(address, TcpAddress) or targets.is_of_this_machine(address.host):
                targets.find_server(address, target.pid)
        except targets.NotVisible:
            return None
        except (targets.NotAllowed, targets.NotAttachable, targets.NotResolvable) as lack:
            return Diagnosis(f"server {target.address}", "not found", None, State.BLOCKER, str(lack))
        return None
    needs = targets.missing_need(catalog[target.name], target.database, handlers)
    return None if needs is None else _diagnose_missing(target.name, needs)


def _diagnose_missing(server: str, needs: targets.Needs) -> Diagnosis:
    return Diagnosis(f"server {server}", "not installed", needs.what, State.BLOCKER, needs.problem, needs.fix)


def _examine_choice(choice: syscalls.Choice) -> list[Diagnosis]:
    missed = [_diagnose_profiler("syscalls", missed.name, missed.lack) for missed in choice.missed]
    return missed if choice.backend is None else [*missed, _diagnose_profiler("syscalls", choice.backend.name, None)]


def _examine_samplers() -> list[Diagnosis]:
    return [_diagnose_profiler("cpu", backend.name, backend.why_unavailable()) for backend in cpu.BACKENDS]


def _diagnose_profiler(probe: str, program: str, lack: Lack | None) -> Diagnosis:
    # perf serves two probes, and may work for one of them only.
    check = f"{program} ({probe})"
    if lack is None:
        return Diagnosis(check, "available")
    return Diagnosis(check, "not available", None, State.WARNING, lack.why, lack.fix)
