"""A rig: all that stands before anything is measured, from the target to the last connection.

The target has been started or attached to, with its upstream; idle connections have been opened and proved; load
workers are connected and silent. Windows are measured on it (`window`), as many as wanted. Whatever happens, it is gone
at the end of its `with` block.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from loadlab import targets
from loadlab.errors import LoadlabError
from loadlab.experiment.context import NotPossible, RunContext, resources_beside
from loadlab.experiment.ends import Ends, Server
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.preflight import why_not_started
from loadlab.experiment.workers import format_probe, load_parts
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.division import Division, Share, divide
from loadlab.fleet.messages import Ready
from loadlab.load.requests import STAMPED_EVERY
from loadlab.probes.open_files import read_open_files
from loadlab.probes.tcp import read_listen_queue
from loadlab.processes import list_family_without_us
from loadlab.profile.address import Address, TcpAddress, authority_of, parse_address
from loadlab.profile.load import handler_of
from loadlab.profile.schema import LoadProfile

_UPSTREAM: Final = "coroutine"  # a server that holds any number of waiting requests
_CAUTIOUS_BACKLOG: Final = 128  # what listen() is commonly asked for, and net.core.somaxconn before Linux 5.4
_NO_LIMIT: Final = 1 << 30


class Rig:
    """The rig of one trial; a context manager, which has `ends` and `workers` (how many load workers) once entered.

    `resources` and `idle` say at any moment which cores each side has, and what became of the idle connections.
    Entering raises NotPossible where target or machine lack what the profile asks for, TrialFailed when the target or a
    process of the load fails, or what the context's `check` raises; nothing stands then.
    """

    ends: Ends
    workers: int

    def __init__(
        self, profile: LoadProfile, seed: int, context: RunContext, stamped_every: int = STAMPED_EVERY
    ) -> None:
        """For one answer of `stamped_every` the kernel is asked when it arrived."""
        self.profile = profile
        self.context = context
        self.resources = context.resources
        self.idle = HeldConnections(profile.load, context.observer)
        self._seed = seed
        self._stamped_every = stamped_every
        self._standing = ExitStack()

    def __enter__(self) -> Self:
        if lack := why_not_started(self.profile):
            raise NotPossible(lack)
        with ExitStack() as standing:  # if something fails half-way, what stands by then is taken down
            target, upstream = self._serve(standing)
            _, load_cores = self.resources.cores
            fleet = standing.enter_context(LocalFleet(load_cores))
            self.ends = Ends(target, upstream, fleet, self.context.check)
            division = self._divide(target.address)
            if division.holders:
                self.idle.open(self.ends, division.holders, format_probe(self.profile, target.authority))
            self._connect(division.workers)
            self._standing = standing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.context.observer.phase("closing", None)
        self._standing.close()

    def _serve(self, standing: ExitStack) -> tuple[Server, Server | None]:
        """Have the target listen, and its upstream if it needs one, until the end of `standing`."""
        if self.profile.target.address is not None:
            self.context.observer.phase(f"attaching to {self.profile.target.address}", None)
            target, upstream = self._attach(self.profile.target.address, standing), None
        else:
            self.context.observer.phase(f"starting {self.profile.target.name}", None)
            target, upstream = self._start(standing)
        load = self.profile.load
        connections = load.connections + load.slow_connections + load.idle
        if reason := targets.why_not_held(target.capabilities, connections):
            raise NotPossible(reason)
        return target, upstream

    def _start(self, standing: ExitStack) -> tuple[Server, Server | None]:
        wanted, requests, catalog = self.profile.target, self.profile.requests, targets.catalog()
        description = catalog[wanted.name]
        if missing := targets.why_missing(description, wanted.database):
            raise NotPossible(missing)
        target_cores, load_cores = self.resources.cores
        upstream = None
        if any(handler_of(request.path) == "upstream" for request in requests):
            # It only waits, so it is beside the load and not on the target's cores.
            upstream = standing.enter_context(
                targets.launch(catalog[_UPSTREAM], cpus=load_cores, check=self.context.check)
            )
        target = standing.enter_context(
            targets.launch(
                description,
                options=wanted.options,
                database=wanted.database,
                upstream=upstream.address if upstream else None,
                cpus=target_cores,
                check=self.context.check,
            )
        )
        known = {handler for each in catalog.values() for handler in each.handlers}
        for request in requests:
            # Any other path is one that the target answers with 404, which a profile may well ask for.
            handler = handler_of(request.path)
            if handler in known and (reason := targets.why_not_handled(target.capabilities, handler)):
                raise NotPossible(reason)
        return target, upstream

    def _attach(self, text: str, standing: ExitStack) -> Server:
        written = parse_address(text)
        authority = authority_of(written)
        try:
            address = self.context.names.resolve(written)
            if isinstance(address, TcpAddress) and not targets.is_of_this_machine(address.host):
                return self._attach_remote(address, authority)
            roots = targets.find_server(address, self.profile.target.pid)
            capabilities = _capabilities_of(list_family_without_us(roots), address)
            target = standing.enter_context(targets.AttachedTarget(address, authority, roots, capabilities))
        except (targets.NotAllowed, targets.NotAttachable, targets.NotResolvable) as lack:
            raise NotPossible(str(lack)) from None
        self.resources = resources_beside(self.resources, self.profile, target.cores(), os.sched_getaffinity(0))
        return target

    def _attach_remote(self, address: TcpAddress, authority: str) -> Server:
        """Have all cores for the load, as the target uses none of this machine's."""
        self.resources = resources_beside(self.resources, self.profile, (), os.sched_getaffinity(0))
        capabilities = targets.Capabilities(handlers=(), max_connections=_NO_LIMIT, backlog=_CAUTIOUS_BACKLOG)
        return targets.RemoteTarget(address, authority, capabilities)

    def _divide(self, address: Address) -> Division:
        load, workers = self.profile.load, self.profile.load.workers
        if workers == "auto":
            workers = len(self.resources.placement.load)
        try:
            return divide(address, load.connections, workers, load.idle, self.resources.open_files)
        except LoadlabError as error:
            raise NotPossible(str(error)) from None

    def _connect(self, shares: Sequence[Share]) -> None:
        load, ready = self.profile.load, set[str]()
        self.workers = len(shares)
        self.context.observer.phase(f"connecting {load.connections:,}", None)
        target = self.ends.target
        self.ends.fleet.start_workers(
            load_parts(self.profile, target.address, target.authority, self._seed, self._stamped_every, shares)
        )
        for event in self.ends.listen_while(lambda: len(ready) < len(shares), load.timeout_ns / 1e9):
            if isinstance(event.message, Ready):
                ready.add(event.sender)


def _capabilities_of(pids: set[int], address: Address) -> targets.Capabilities:
    """Return what a server that runs already can do, by what the kernel says; its handlers are its own affair."""
    files = read_open_files(pids)
    # If one process cannot be read, it may have room for all.
    room = sum(process.free for process in files) if len(files) == len(pids) else _NO_LIMIT
    queue = read_listen_queue(address)
    backlog = _CAUTIOUS_BACKLOG if queue is None else queue.backlog
    return targets.Capabilities(handlers=(), max_connections=room, backlog=backlog)
