"""The target of a trial and what it needs around it: bundled servers that are started, or one that runs already."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from loadlab import targets
from loadlab.experiment.observer import Observer
from loadlab.experiment.placement import Conditions, NotPossible, conditions_beside
from loadlab.experiment.stage import Server
from loadlab.probes.open_files import read_open_files
from loadlab.probes.tcp import read_listen_queue
from loadlab.processes import list_family_without_us
from loadlab.profile.address import parse_address
from loadlab.profile.load import handler_of
from loadlab.profile.schema import LoadProfile

_UPSTREAM: Final = "coroutine"  # a server that holds any number of waiting requests
_CAUTIOUS_BACKLOG: Final = 128  # what listen() is commonly asked for, and net.core.somaxconn before Linux 5.4
_NO_LIMIT: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Serving:
    """A target that listens, the server behind it if it has one, and the conditions with the cores that it has got."""

    target: Server
    upstream: Server | None
    conditions: Conditions


@contextmanager
def serving(
    profile: LoadProfile, conditions: Conditions, observer: Observer, check: Callable[[], None]
) -> Iterator[Serving]:
    """Have the profile's target listen until the end of the block; one that ran already runs on then.

    Raises NotPossible, TrialFailed if a bundled one does not start, or what `check` raises.
    """
    with ExitStack() as running:
        if profile.target.address is not None:
            observer.phase(f"attaching to {profile.target.address}", None)
            found = _attach(profile, profile.target.address, conditions, running)
        else:
            observer.phase(f"starting {profile.target.name}", None)
            found = _start(profile, conditions, running, check)
        load = profile.load
        connections = load.connections + load.slow_connections + load.idle
        if reason := targets.why_not_held(found.target.capabilities, connections):
            raise NotPossible(reason)
        yield found


def _start(profile: LoadProfile, conditions: Conditions, running: ExitStack, check: Callable[[], None]) -> Serving:
    wanted = profile.target
    catalog = targets.catalog()
    description = catalog[wanted.name]
    if missing := targets.why_missing(description, wanted.database):
        raise NotPossible(missing)
    target_cores, load_cores = conditions.cores
    upstream = None
    if any(handler_of(request.path) == "upstream" for request in profile.requests):
        # It only waits, so it is beside the load and not on the target's cores.
        upstream = running.enter_context(targets.launch(catalog[_UPSTREAM], cpus=load_cores, check=check))
    target = running.enter_context(
        targets.launch(
            description,
            options=wanted.options,
            database=wanted.database,
            upstream=upstream.address if upstream else None,
            cpus=target_cores,
            check=check,
        )
    )
    known = {handler for each in catalog.values() for handler in each.handlers}
    for request in profile.requests:
        # Any other path is one that the target answers with 404, which a profile may well ask for.
        handler = handler_of(request.path)
        if handler in known and (reason := targets.why_not_handled(target.capabilities, handler)):
            raise NotPossible(reason)
    return Serving(target, upstream, conditions)


def _attach(profile: LoadProfile, text: str, conditions: Conditions, running: ExitStack) -> Serving:
    address = targets.resolve_localhost(parse_address(text))
    try:
        roots = targets.find_server(address, profile.target.pid)
        attached = targets.AttachedTarget(address, roots, _capabilities_of(list_family_without_us(roots), address[1]))
        target = running.enter_context(attached)
    except targets.NotAttachable as lack:
        raise NotPossible(str(lack)) from None
    return Serving(target, None, conditions_beside(conditions, profile, target.cores(), os.sched_getaffinity(0)))


def _capabilities_of(pids: set[int], port: int) -> targets.Capabilities:
    """Return what a server that runs already can do, by what the kernel tells; its handlers are its own affair."""
    files = read_open_files(pids)
    # One process that does not tell may have room for all.
    room = sum(process.free for process in files) if len(files) == len(pids) else _NO_LIMIT
    queue = read_listen_queue(port)
    backlog = _CAUTIOUS_BACKLOG if queue is None else queue.backlog
    return targets.Capabilities(handlers=(), max_connections=room, backlog=backlog)
