"""The programs that look into a server while it works, as `doctor` tells of them: which work here, what others lack.

The probes themselves say it (`why_unavailable` of each backend). None is needed to measure: what is missing costs that
look only, so all findings are warnings.
"""

from collections.abc import Iterable

from loadlab.host import Diagnosis, State
from loadlab.probes.cpu import probe as cpu
from loadlab.probes.probe import Lack
from loadlab.probes.syscalls import choice as syscalls
from loadlab.profile import LoadProfile, Profile


def examine_profilers() -> list[Diagnosis]:
    """Return a diagnosis of each program that a probe can use."""
    tracers = [_diagnose("syscalls", backend.name, backend.why_unavailable()) for backend in syscalls.BACKENDS]
    return [*tracers, *_examine_cpu()]


def examine_profilers_of(profiles: Iterable[Profile]) -> list[Diagnosis]:
    """Return a diagnosis of each program that the probes of these profiles use, or would use if it worked."""
    with_load = [profile for profile in profiles if isinstance(profile, LoadProfile)]
    wanted = dict.fromkeys(tracer for profile in with_load if (tracer := profile.syscalls_tracer) is not None)
    choices = [syscalls.choose_backend(tracer or None) for tracer in wanted]
    found = [diagnosis for choice in choices for diagnosis in _examine_choice(choice)]
    return [*dict.fromkeys(found), *(_examine_cpu() if any("cpu" in profile.probes for profile in with_load) else ())]


def _examine_choice(choice: syscalls.Choice) -> list[Diagnosis]:
    missed = [_diagnose("syscalls", missed.name, missed.lack) for missed in choice.missed]
    return missed if choice.backend is None else [*missed, _diagnose("syscalls", choice.backend.name, None)]


def _examine_cpu() -> list[Diagnosis]:
    return [_diagnose("cpu", backend.name, backend.why_unavailable()) for backend in cpu.BACKENDS]


def _diagnose(probe: str, program: str, lack: Lack | None) -> Diagnosis:
    # perf stands behind two probes, and may work for one of them only.
    check = f"{program} ({probe})"
    if lack is None:
        return Diagnosis(check, "available")
    return Diagnosis(check, "not available", None, State.WARNING, lack.why, lack.fix)
