"""A program of the user's as the target: where it is to listen, starting it, and waiting until it answers."""

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, Self

from loadlab.errors import TrialFailed
from loadlab.processes import NotStarted, Program, start_program, why_not_found
from loadlab.profile.address import Address, TcpAddress, UnixAddress, authority_of, format_address, parse_address
from loadlab.profile.target import Target
from loadlab.targets.launching import Capabilities
from loadlab.targets.listeners import listening_addresses
from loadlab.targets.names import LOCALHOST, Names, NotAllowed, NotResolvable, accepts
from loadlab.targets.ports import choose_port
from loadlab.targets.readiness import Inquiry
from loadlab.tls import TlsError
from loadlab.units import spell_duration_ns

_LOOK_EVERY_SECONDS: Final = 0.02
_GRACE_SECONDS: Final = 10.0
_LONGEST_SHOWN: Final = 60
_LOOPBACK: Final = "127.0.0.1"
_IN_USE: Final = re.compile("already in use|EADDRINUSE|port [0-9]+ is in use", re.IGNORECASE)

CapabilitiesOf = Callable[[Collection[int], Address], Capabilities]
"""What a server can do on this machine, given its processes and where it listens."""


class CommandTarget:
    """A target that a command has started; leaving the `with` block ends it and everything that it has started."""

    def __init__(
        self,
        program: Program,
        address: Address,
        authority: str,
        capabilities: Capabilities,
        held: contextlib.ExitStack,
    ) -> None:
        """`held` is what leaving the block gives up: the program and its folder."""
        self.address = address
        self.authority = authority
        self.capabilities = capabilities
        self._program = program
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._held.close()

    def pids(self) -> list[int]:
        """Return the pids of its processes, now: its own and all that descend from it."""
        return self._program.all_pids()

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs."""
        return None if self._program.poll() is None else self._program.account()


class _PortInUse(TrialFailed):
    """The program reports that somebody else has the port that was chosen for it."""

    def __init__(self, account: str, port: int) -> None:
        super().__init__(account)
        self.port = port


def launch_command(
    target: Target,
    capabilities_of: CapabilitiesOf,
    *,
    output: Path | None,
    speaks_http: bool = True,
    host: str | None = None,
    cpus: Collection[int] | None = None,
    check: Callable[[], None] = lambda: None,
) -> CommandTarget:
    """Start the command of `target`, and wait until it is ready: a server that does not speak HTTP, until it listens.

    It is to listen at `host`, an IP address of this machine (None: on loopback). What it prints is appended to
    `output`, or kept for as long as it runs. Where another program takes the port first, it is started once more, with
    another one. Raises TrialFailed, or what `check` raises, which is called while waiting; no process is left behind
    then.
    """
    try:
        return _launch(target, capabilities_of, output, speaks_http, host, cpus, check, avoided=())
    except _PortInUse as failure:
        return _launch(target, capabilities_of, output, speaks_http, host, cpus, check, avoided=[failure.port])


def why_command_not_started(target: Target) -> str | None:
    """Return why the command of `target` cannot be started on this machine, None if it can, as far as is known."""
    assert target.command is not None
    cwd = None if target.cwd is None else Path(target.cwd)
    return why_not_found(target.command[0], cwd, {**os.environ, **_as_text(target.env)})


def _launch(
    target: Target,
    capabilities_of: CapabilitiesOf,
    output: Path | None,
    speaks_http: bool,
    host: str | None,
    cpus: Collection[int] | None,
    check: Callable[[], None],
    avoided: Collection[int],
) -> CommandTarget:
    assert target.command is not None
    with contextlib.ExitStack() as given_up_unless_ready:
        folder = Path(given_up_unless_ready.enter_context(_temporary_folder()))
        place = _Place(target, folder, host, avoided)
        added = {name: place.fill_in(text) for name, text in _as_text(target.env).items()}
        try:
            program = start_program(
                [place.fill_in(word) for word in target.command],
                name=f"`{_shorten(target.name)}`",
                output=folder / "output" if output is None else output,
                environment={**os.environ, **added},
                cwd=None if target.cwd is None else Path(target.cwd),
                cpus=cpus,
                stop_signal=target.stop_signal,
                grace_seconds=_GRACE_SECONDS,
            )
        except NotStarted as failure:
            raise TrialFailed(str(failure)) from None
        given_up_unless_ready.enter_context(program)
        address = _wait_ready(program, target, place, speaks_http, check)
        capabilities = capabilities_of(program.all_pids(), address)
        return CommandTarget(program, address, place.authority, capabilities, given_up_unless_ready.pop_all())


class _Place:
    """Where a command is to listen: at a free port, at a Unix socket in its folder, or at its fixed address."""

    def __init__(self, target: Target, folder: Path, host: str | None, avoided: Collection[int]) -> None:
        """Raises TrialFailed where somebody listens at the fixed address already."""
        assert target.command is not None
        texts = " ".join([*target.command, *_as_text(target.env).values()])
        self._names = Names()
        self.port: int | None = None
        self._places = {"{folder}": str(folder), "{host}": host or _LOOPBACK}
        if "{port}" in texts:
            self.port = choose_port(avoided)
            self._places["{port}"] = str(self.port)
            self._address: Address = TcpAddress(host or LOCALHOST, self.port)
            self.authority = authority_of(self._address, target.tls is not None)
        elif "{socket}" in texts:
            self._address = UnixAddress(str(folder / "server.sock"))
            self._places["{socket}"] = self._address.path
            self.authority = authority_of(self._address)
        elif target.address is not None:
            self._address = parse_address(target.address)
            self.authority = authority_of(self._address, target.tls is not None)
            self._check_unused()
        else:
            raise TrialFailed("target.command does not say where it listens; put {port} in it")

    def fill_in(self, text: str) -> str:
        """Return a word of the command, or a value of its environment, with what stands for its places."""
        for name, value in self._places.items():
            text = text.replace(name, value)
        return text

    def find(self) -> Address | None:
        """Return the address at which it accepts connections, None as long as it does not."""
        return next(filter(accepts, self._names.candidates(self._address)), None)

    def __str__(self) -> str:
        if self.port is not None and self._address == TcpAddress(LOCALHOST, self.port):
            return f"port {self.port}"
        return format_address(self._address)

    def _check_unused(self) -> None:
        try:
            found = self.find()
        except NotAllowed:
            where = "is not on this machine, where target.command starts the server"
            raise TrialFailed(f"{format_address(self._address)} (target.address) {where}") from None
        except NotResolvable as failure:
            raise TrialFailed(f"target.address: {failure}") from None
        if found is not None:
            raise TrialFailed(
                f"another server listens at {format_address(found)} (target.address) already: stop it, or leave out "
                "target.command to measure it"
            )


def _wait_ready(
    program: Program, target: Target, place: _Place, speaks_http: bool, check: Callable[[], None]
) -> Address:
    """Return the address at which the program answers, or listens if it does not speak HTTP.

    Raises TrialFailed when it ends first, or takes too long.
    """
    deadline_ns = time.monotonic_ns() + target.ready.within_ns
    while (address := place.find()) is None:
        check()
        _check_running(program, place)
        if time.monotonic_ns() > deadline_ns:
            raise TrialFailed(
                f"{program.name} does not listen at {place} after {_within(target)}"
                f"{_elsewhere(program.all_pids())}{program.last_words()}"
            )
        program.wait(_LOOK_EVERY_SECONDS)
    if not speaks_http:
        return address
    with Inquiry(address, place.authority, target.ready, target.tls_settings) as inquiry:
        while not _ask(inquiry, program):
            check()
            _check_running(program, place)
            if time.monotonic_ns() > deadline_ns:
                raise TrialFailed(
                    f"{program.name} listens at {format_address(address)}, but after {_within(target)} "
                    f"{inquiry.last}{program.last_words()}"
                )
            program.wait(_LOOK_EVERY_SECONDS)
    return address


def _ask(inquiry: Inquiry, program: Program) -> bool:
    try:
        return inquiry.ask()
    except TlsError as error:
        raise TrialFailed(f"no connection to {program.name} over TLS: {error}") from None


def _check_running(program: Program, place: _Place) -> None:
    if program.poll() is None:
        return
    account = program.account(" before it was ready")
    if place.port is not None and _IN_USE.search(program.tail()):
        raise _PortInUse(account, place.port)
    raise TrialFailed(account)


def _within(target: Target) -> str:
    return f"{spell_duration_ns(target.ready.within_ns)} (target.ready.within)"


def _elsewhere(pids: Collection[int]) -> str:
    """Return the clause on where these processes listen, as one that ignores the port that it is given does."""
    found = [format_address(address) for address in listening_addresses(pids)]
    return f", but at {' and '.join(found[:3])}" if found else ""


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Make an empty folder, for which the path of a socket in it is not too long."""
    usual = tempfile.gettempdir()
    return tempfile.TemporaryDirectory(prefix="loadlab-target-", dir=usual if len(os.fsencode(usual)) < 64 else "/tmp")


def _as_text(environment: Mapping[str, str | int]) -> dict[str, str]:
    return {name: str(value) for name, value in environment.items()}


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
