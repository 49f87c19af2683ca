"""The target of a trial: had to listen on this machine, or on the one of the cluster that the profile names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadlab import targets
from loadlab.errors import NotPossible
from loadlab.experiment.context import RunContext
from loadlab.experiment.target_side import TargetSide, target_side
from loadlab.profile.schema import LoadProfile


@contextmanager
def serve(profile: LoadProfile, context: RunContext, target_log: Path | None) -> Iterator[TargetSide]:
    """Have the target of a profile listen until the end of the block.

    What a command prints goes to `target_log`, or nowhere that lasts. Raises NotPossible where target or machine lack
    what the profile asks for, TrialFailed when a server does not start, or what the context's `check` raises.
    """
    target, load = profile.target, profile.load
    where = "" if target.on is None else f" on {target.on}"
    verb = "attaching to" if target.kind == "address" else "starting"
    context.observer.phase(f"{verb} {target.name}{where}", None)
    with target_side(profile, context, target_log) as side:
        connections = load.connections + load.slow_connections + load.idle
        if reason := targets.why_not_held(side.target.capabilities, connections):
            raise NotPossible(reason)
        yield side
