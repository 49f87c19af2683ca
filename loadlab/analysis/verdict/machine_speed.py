"""Whether this machine's cores were as fast as over the rest of the run, and whether another attempt is worth its time.

The rule needs the result only, so a trial can be judged again when the run is over and its median is known.
"""

from collections.abc import Mapping
from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.analysis.verdict.host import is_throttled
from loadlab.analysis.verdict.machines import has_throttled_client
from loadlab.results.speed import NO_SPEEDS, MachineSpeed, Speed, median_speed
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Finding
from loadlab.units import format_share

CODE: Final = "machine_speed"
_NOTE: Final = 0.05
_SUSPECT: Final = 0.15
# What comes from outside and may be gone in another attempt.
_PASSING: Final = ("disturbed", "stolen")


def machine_speed(result: TrialResult, _window: WindowEvidence) -> Finding | None:
    """Check that during a trial the cores of each side were about as fast as over the run."""
    client = "the client's" if result.cost_ns is None else "its"  # a microbenchmark has no other side
    speeds = {"the target's": result.speed.target, client: result.speed.client}
    off = {whose: speed - 1 for whose, speed in speeds.items() if speed is not None and _is_off(speed - 1, _NOTE)}
    if not off:
        return None
    most = max(off.values(), key=abs)
    return Finding(
        code="machine_speed",
        severity="suspect" if _is_off(most, _SUSPECT) else "note",
        text=f"The machine's cores were {_direction(most)} than over the run as a whole.",
        evidence="against their median over the run, "
        + " and ".join(f"{whose} cores were {_describe(change)}" for whose, change in off.items()),
        advice="Measure in several rounds (rounds: 5), so that all trials see the machine fast and slow; compare two "
        "servers with `loadlab ab`, which measures both in the same seconds.",
    )


def spoiled_by_machine(result: TrialResult) -> bool:
    """Return whether this machine cast doubt on a trial in a way that may be gone in another attempt.

    A CPU quota that holds only the target is part of what is measured.
    """
    return any(_is_passing(finding, result) for finding in result.verdict.findings)


def at_final_speed(
    result: TrialResult, machine: MachineSpeed | None, clients: Mapping[str, MachineSpeed] = NO_SPEEDS
) -> TrialResult:
    """Return a trial with its speed, and that of its rounds, against the medians of the whole run.

    So are the speeds of those of its machines that are among `clients`, and that of a target on one of them. The speed
    of a trial with rounds is the median of theirs. A trial of which it is not known when it was measured keeps the
    speed that it has.
    """
    machines = [
        each.model_copy(update={"speed": _speed_over(result, clients[each.name], each.speed)})
        if each.name in clients
        else each
        for each in result.machines
    ]
    known = result.model_copy(update={"machines": machines})
    if result.server is not None and result.server.on is not None:
        machine = clients.get(result.server.on, machine)
    if machine is None:
        return known
    rounds = [each.model_copy(update={"speed": _speed_in(each, machine)}) for each in result.rounds]
    return known.model_copy(update={"rounds": rounds, "speed": _speed_over(result, machine, result.speed)})


def _speed_over(result: TrialResult, machine: MachineSpeed, otherwise: Speed) -> Speed:
    """Return the speed of a machine over the window of a trial, or its rounds; `otherwise` if it is not known when."""
    if result.rounds:
        return median_speed([_speed_in(each, machine) for each in result.rounds])
    if result.at is None:
        return otherwise
    return machine.during(result.at, result.at + result.window_ns / 1e9)


def _is_off(change: float, limit: float) -> bool:
    return round(abs(change), 3) >= limit  # as it is shown


def _is_passing(finding: Finding, result: TrialResult) -> bool:
    if finding.code == "throttled":
        here = any("client" in group.holds and is_throttled(group) for group in result.control_groups)
        return here or has_throttled_client(result)
    return finding.code in _PASSING or (finding.code == CODE and finding.severity != "note")


def _speed_in(each: Round, machine: MachineSpeed) -> Speed:
    return machine.during(each.at, each.at + each.window_ns / 1e9)


def _describe(change: float) -> str:
    return f"{format_share(round(abs(change), 3))} {_direction(change)}"


def _direction(change: float) -> str:
    return "slower" if change < 0 else "faster"
