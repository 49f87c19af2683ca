"""The target of a trial, and the server behind it if it needs one: started, attached to, or on another machine."""

import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab import targets
from loadlab.experiment.context import NotPossible, Resources, RunContext, resources_beside
from loadlab.experiment.ends import Server
from loadlab.probes.open_files import read_open_files
from loadlab.probes.tcp import read_listen_queue
from loadlab.processes import list_family_without_us
from loadlab.profile.address import Address, TcpAddress, authority_of, format_address, parse_address
from loadlab.profile.schema import HANDLERS_BY_PROTOCOL, LoadProfile
from loadlab.profile.values import list_words

_TCP_ECHO: Final = HANDLERS_BY_PROTOCOL["tcp"]
_UPSTREAM: Final = "coroutine"  # a server that holds any number of waiting requests
_CAUTIOUS_BACKLOG: Final = 128  # what listen() is commonly asked for, and net.core.somaxconn before Linux 5.4
_NO_LIMIT: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Serving:
    """A target that listens, the server behind it, and the resources that remain beside it."""

    target: Server
    upstream: Server | None
    resources: Resources


@contextmanager
def serve(profile: LoadProfile, context: RunContext, target_log: Path | None) -> Iterator[Serving]:
    """Have the target of a profile listen until the end of the block.

    What a command prints goes to `target_log`, or nowhere that lasts. Raises NotPossible where target or machine lack
    what the profile asks for, TrialFailed when a server does not start, or what the context's `check` raises.
    """
    target = profile.target
    with ExitStack() as standing:
        match target.kind:
            case "server":
                context.observer.phase(f"starting {target.name}", None)
                serving = _start_bundled(profile, context, standing)
            case "command":
                context.observer.phase(f"starting {target.name}", None)
                serving = _start_command(profile, context, target_log, standing)
            case "address":
                context.observer.phase(f"attaching to {target.name}", None)
                serving = _attach(profile, context, standing)
        load = profile.load
        connections = load.connections + load.slow_connections + load.idle
        if reason := targets.why_not_held(serving.target.capabilities, connections):
            raise NotPossible(reason)
        yield serving


def _start_bundled(profile: LoadProfile, context: RunContext, standing: ExitStack) -> Serving:
    wanted, catalog = profile.target, targets.catalog()
    description = catalog[wanted.name]
    tcp_echo = profile.load.protocol == "tcp"
    if tcp_echo and _TCP_ECHO not in description.handlers:
        able = list_words(sorted(name for name, each in catalog.items() if _TCP_ECHO in each.handlers))
        raise NotPossible(f"{wanted.name} does not speak plain TCP; those that do are {able}")
    if missing := targets.why_missing(description, wanted.database, profile.handlers):
        raise NotPossible(missing)
    target_cores, load_cores = context.resources.cores
    upstream = None
    if "upstream" in (description.handlers if profile.load.scenario else profile.handlers):
        # It only waits, so it is beside the load and not on the target's cores.
        upstream = standing.enter_context(targets.launch(catalog[_UPSTREAM], cpus=load_cores, check=context.check))
    target = standing.enter_context(
        targets.launch(
            description,
            options=wanted.options,
            database=wanted.database,
            upstream=upstream.address if upstream else None,
            tcp_echo=tcp_echo,
            cpus=target_cores,
            check=context.check,
        )
    )
    known = {handler for each in catalog.values() for handler in each.handlers}
    for handler in profile.handlers:
        # Any other path is one that the target answers with 404, which a profile may well ask for.
        if handler in known and (reason := targets.why_not_handled(target.capabilities, handler)):
            raise NotPossible(reason)
    return Serving(target, upstream, context.resources)


def _start_command(profile: LoadProfile, context: RunContext, target_log: Path | None, standing: ExitStack) -> Serving:
    if lack := targets.why_command_not_started(profile.target):
        raise NotPossible(lack)
    target_cores, _ = context.resources.cores
    target = targets.launch_command(
        profile.target,
        _capabilities_of,
        output=target_log,
        speaks_http=profile.load.protocol != "tcp",
        cpus=target_cores,
        check=context.check,
    )
    return Serving(standing.enter_context(target), None, context.resources)


def _attach(profile: LoadProfile, context: RunContext, standing: ExitStack) -> Serving:
    written = parse_address(profile.target.address or "")
    authority = authority_of(written, profile.target.tls is not None)
    available = os.sched_getaffinity(0)
    try:
        address = context.names.resolve(written)
        if isinstance(address, TcpAddress) and not targets.is_of_this_machine(address.host):
            # All cores are the load's: the target uses none of this machine's.
            resources = resources_beside(context.resources, profile, (), available)
            return Serving(_reach(address, authority), None, resources)
        try:
            roots = targets.find_server(address, profile.target.pid)
        except targets.NotVisible:
            # What it may run on is not known: the client keeps to its own part of the cores.
            assert isinstance(address, TcpAddress)
            resources = resources_beside(context.resources, profile, available, available)
            return Serving(_reach(address, authority), None, resources)
        capabilities = _capabilities_of(list_family_without_us(roots), address)
        target = standing.enter_context(targets.AttachedTarget(address, authority, roots, capabilities))
    except (targets.NotAllowed, targets.NotAttachable, targets.NotResolvable) as lack:
        raise NotPossible(str(lack)) from None
    return Serving(target, None, resources_beside(context.resources, profile, target.cores(), available))


def _reach(address: TcpAddress, authority: str) -> targets.UnseenTarget:
    """Return a server that cannot be seen if it accepts connections; how many it can hold is not known."""
    if not targets.accepts(address):
        raise targets.NotAttachable(
            f"{format_address(address)} does not accept a connection: check the address, and that nothing filters it"
        )
    capabilities = targets.Capabilities(handlers=(), max_connections=_NO_LIMIT, backlog=_CAUTIOUS_BACKLOG)
    return targets.UnseenTarget(address, authority, capabilities)


def _capabilities_of(pids: Collection[int], address: Address) -> targets.Capabilities:
    """Return what a server that is not bundled can do, by what the kernel says; its handlers are its own affair."""
    files = read_open_files(pids)
    # If one process cannot be read, it may have room for all.
    room = sum(process.free for process in files) if len(files) == len(pids) else _NO_LIMIT
    queue = read_listen_queue(address)
    backlog = _CAUTIOUS_BACKLOG if queue is None else queue.backlog
    return targets.Capabilities(handlers=(), max_connections=room, backlog=backlog)
