"""The target of a profile on this machine, and the server behind it if it needs one: started, or attached to."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from loadlab import targets
from loadlab.errors import NotPossible
from loadlab.probes.open_files import read_open_files
from loadlab.probes.tcp import read_listen_queue
from loadlab.processes import list_family_without_us
from loadlab.profile.address import Address, TcpAddress, authority_of, format_address, parse_address
from loadlab.profile.schema import HANDLERS_BY_PROTOCOL, LoadProfile
from loadlab.profile.values import list_words

_TCP_ECHO: Final = HANDLERS_BY_PROTOCOL["tcp"]
LOOPBACK: Final = "127.0.0.1"
_UPSTREAM: Final = "coroutine"  # a server that holds any number of waiting requests
_CAUTIOUS_BACKLOG: Final = 128  # what listen() is commonly asked for, and net.core.somaxconn before Linux 5.4
_NO_LIMIT: Final = 1 << 30


class Server(Protocol):
    """What a rig needs of a server that listens, whether loadlab started it or not."""

    @property
    def address(self) -> Address:
        """Where it listens; a host is an IP address."""

    @property
    def authority(self) -> str:
        """What the header Host says in requests to it."""

    @property
    def capabilities(self) -> targets.Capabilities:
        """What it can do on its machine."""

    def pids(self) -> list[int]:
        """Return the pids of all its processes on this machine, now."""

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target listens (None: on loopback), and the cores of it and of the server behind it (None: any).

    What its command prints goes to `log`, or nowhere that lasts.
    """

    target_cores: Collection[int] | None
    upstream_cores: Collection[int] | None
    host: str | None = None
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class StandingTarget:
    """A target that listens, and the server behind it.

    `may_run_on` are the cores of one that runs already; None where it was started on those that it was given.
    """

    target: Server
    upstream: Server | None = None
    may_run_on: frozenset[int] | None = None


@contextmanager
def stand_target(
    profile: LoadProfile, place: Place, names: targets.Names, check: Callable[[], None]
) -> Iterator[StandingTarget]:
    """Have the target of a profile listen until the end of the block.

    Raises NotPossible where target or machine lack what the profile asks for, TrialFailed when a server does not start,
    or what `check` raises, which is called while waiting.
    """
    with ExitStack() as standing:
        match profile.target.kind:
            case "server":
                yield _start_bundled(profile, place, check, standing)
            case "command":
                yield _start_command(profile, place, check, standing)
            case "address":
                yield _attach(profile, names, standing)


def _start_bundled(
    profile: LoadProfile, place: Place, check: Callable[[], None], standing: ExitStack
) -> StandingTarget:
    wanted, catalog = profile.target, targets.catalog()
    description = catalog[wanted.name]
    tcp_echo = profile.load.protocol == "tcp"
    if tcp_echo and _TCP_ECHO not in description.handlers:
        able = list_words(sorted(name for name, each in catalog.items() if _TCP_ECHO in each.handlers))
        raise NotPossible(f"{wanted.name} does not speak plain TCP; those that do are {able}")
    if missing := targets.why_missing(description, wanted.database, profile.handlers):
        raise NotPossible(missing)
    upstream = None
    if "upstream" in (description.handlers if profile.load.scenario else profile.handlers):
        # It only waits, so it is beside the load and not on the target's cores.
        upstream = standing.enter_context(targets.launch(catalog[_UPSTREAM], cpus=place.upstream_cores, check=check))
    target = standing.enter_context(
        targets.launch(
            description,
            options=wanted.options,
            database=wanted.database,
            upstream=upstream.address if upstream else None,
            tcp_echo=tcp_echo,
            host=place.host or LOOPBACK,
            cpus=place.target_cores,
            check=check,
        )
    )
    known = {handler for each in catalog.values() for handler in each.handlers}
    for handler in profile.handlers:
        # Any other path is one that the target answers with 404, which a profile may well ask for.
        if handler in known and (reason := targets.why_not_handled(target.capabilities, handler)):
            raise NotPossible(reason)
    return StandingTarget(target, upstream)


def _start_command(
    profile: LoadProfile, place: Place, check: Callable[[], None], standing: ExitStack
) -> StandingTarget:
    if lack := targets.why_command_not_started(profile.target):
        raise NotPossible(lack)
    target = targets.launch_command(
        profile.target,
        _capabilities_of,
        output=place.log,
        speaks_http=profile.load.protocol != "tcp",
        host=place.host,
        cpus=place.target_cores,
        check=check,
    )
    return StandingTarget(standing.enter_context(target))


def _attach(profile: LoadProfile, names: targets.Names, standing: ExitStack) -> StandingTarget:
    written = parse_address(profile.target.address or "")
    authority = authority_of(written, profile.target.tls is not None)
    try:
        address = names.resolve(written)
        if isinstance(address, TcpAddress) and not targets.is_of_this_machine(address.host):
            # All cores are the load's: the target uses none of this machine's.
            return StandingTarget(_reach(address, authority), may_run_on=frozenset())
        try:
            roots = targets.find_server(address, profile.target.pid)
        except targets.NotVisible:
            # What it may run on is not known: the client keeps to its own part of the cores.
            assert isinstance(address, TcpAddress)
            return StandingTarget(_reach(address, authority), may_run_on=frozenset(os.sched_getaffinity(0)))
        capabilities = _capabilities_of(list_family_without_us(roots), address)
        target = standing.enter_context(targets.AttachedTarget(address, authority, roots, capabilities))
    except (targets.NotAllowed, targets.NotAttachable, targets.NotResolvable) as lack:
        raise NotPossible(str(lack)) from None
    return StandingTarget(target, may_run_on=target.cores())


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
