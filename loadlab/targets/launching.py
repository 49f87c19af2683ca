"""Starting a target: its command line, its READY line, and what it can do on this machine."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Annotated, Final, Self

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated_dataclass

from loadlab.errors import TrialFailed
from loadlab.processes import Child, spawn
from loadlab.profile.address import Address, TcpAddress, authority_of, format_address
from loadlab.profile.values import OptionScalar
from loadlab.targets.description import TargetDescription, find_target, first_mistake

_READY_PREFIX: Final = "READY "
_READY_LIMIT_BYTES: Final = 64 * 1024
_LOOK_EVERY_SECONDS: Final = 0.005


@validated_dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target can do on this machine."""

    handlers: tuple[str, ...]
    max_connections: int
    backlog: Annotated[int, Field(ge=0)]


@validated_dataclass(frozen=True, slots=True)
class _Ready:
    """The READY line."""

    address: tuple[str, Annotated[int, Field(ge=1, le=65_535)]]
    pid: int
    capabilities: Capabilities


_ready_line: Final = TypeAdapter(_Ready)


class RunningTarget:
    """A target that is ready for connections; leaving the `with` block stops it and all its processes.

    Its folder goes then too, and names that it wrote for perf: kept by us, they go even when the target was killed.
    """

    def __init__(
        self, child: Child, address: TcpAddress, capabilities: Capabilities, held: contextlib.ExitStack
    ) -> None:
        """`held` is what leaving the block gives up: the child and its folder."""
        self.address = address
        self.authority = authority_of(address)
        self.capabilities = capabilities
        self.pid = child.pid
        self._child = child
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._held.close()

    def pids(self) -> list[int]:
        """Return the pids of its processes: its own and those it forked."""
        return self._child.all_pids()

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs."""
        return None if self._child.poll() is None else self._child.account()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Stop it before the `with` block ends: SIGTERM, and SIGKILL after the grace."""
        self._child.stop(grace_seconds)


def serve_command(name: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return the command line that runs a bundled target in the foreground; `arguments` are added as they are.

    Raises LoadlabError.
    """
    return [*_command(find_target(name)), *arguments]


def script_environment() -> dict[str, str]:
    """Return the environment for a bundled target: ours, with no safe path.

    A script's path begins with its own directory, not with the current one, and that is where its neighbours are.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


def why_not_handled(capabilities: Capabilities, handler: str) -> str | None:
    """Return why a target cannot serve requests with that handler, None if it can."""
    if handler in capabilities.handlers:
        return None
    return f"the target has no handler '{handler}'; it has: {', '.join(capabilities.handlers)}"


def why_not_held(capabilities: Capabilities, connections: int) -> str | None:
    """Return why a target cannot hold so many connections, None if it can."""
    if connections <= capabilities.max_connections:
        return None
    return f"{connections:,} connections are needed; the target can hold {capabilities.max_connections:,} here"


def launch(
    description: TargetDescription,
    *,
    options: Mapping[str, object] = {},
    database: str | None = None,
    upstream: Address | None = None,
    tcp_echo: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
    cpus: Collection[int] | None = None,
    start_timeout_seconds: float = 10.0,
    check: Callable[[], None] = lambda: None,
) -> RunningTarget:
    """Start a target and wait until it listens.

    `options` are the target's own, each as its `Option.read` accepts it; `database` is the connection string of a
    PostgreSQL server, `upstream` the address of the server behind this one. With `tcp_echo`, which is for targets that
    have the handler `tcp-echo`, it speaks no HTTP. Raises TrialFailed, or what `check` raises, which is called while
    waiting; no process is left behind then.
    """
    command = [*_command(description), "--host", host, "--port", str(port)]
    if database is not None:
        command += ["--database", database]
    if upstream is not None:
        command += ["--upstream", format_address(upstream)]
    if tcp_echo:
        command += ["--tcp-echo"]
    for name, value in options.items():
        command += _format_option(name, description.options[name].read(value))
    with contextlib.ExitStack() as given_up_unless_ready:
        # First in, last out: the folder goes when nothing can write to it any more.
        folder = tempfile.TemporaryDirectory(prefix="loadlab-target-")
        command += ["--folder", given_up_unless_ready.enter_context(folder)]
        # A file, not a pipe: however much the target prints later on, it never has to wait for us to read it.
        with tempfile.TemporaryFile() as output:
            name, environment = f"target '{description.name}'", script_environment()
            child = spawn(name, command, cpus=cpus, stdout=output, environment=environment)
            given_up_unless_ready.callback(_remove_perf_map, child.pid)
            given_up_unless_ready.enter_context(child)
            ready = _wait_ready(child, output, start_timeout_seconds, check)
        return RunningTarget(child, TcpAddress(*ready.address), ready.capabilities, given_up_unless_ready.pop_all())


def _command(description: TargetDescription) -> list[str]:
    return [sys.executable, str(description.file)]


def _remove_perf_map(pid: int) -> None:
    """Remove the one file of a target that cannot be in its folder: runtimes name their functions for perf there."""
    with contextlib.suppress(PermissionError):  # of another user's process that had this pid before
        Path(f"/tmp/perf-{pid}.map").unlink(missing_ok=True)


def _format_option(name: str, value: OptionScalar) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", str(value)]


def _wait_ready(child: Child, output: IO[bytes], timeout_seconds: float, check: Callable[[], None]) -> _Ready:
    deadline_ns = time.monotonic_ns() + int(timeout_seconds * 1e9)
    while True:
        check()
        # Nothing wakes those who wait for a file to grow, so look at it again and again; its end wakes us at once.
        has_ended = child.wait(_LOOK_EVERY_SECONDS) is not None
        line, line_end, _ = os.pread(output.fileno(), _READY_LIMIT_BYTES, 0).partition(b"\n")
        if line_end and (not has_ended or line.startswith(_READY_PREFIX.encode())):
            return _parse_ready(child.name, line.decode(errors="replace"))
        if has_ended:
            raise TrialFailed(child.account(" before it was ready"))
        if time.monotonic_ns() > deadline_ns:
            raise TrialFailed(f"{child.name} was not ready within {timeout_seconds:g} s; it must print a READY line")


def _parse_ready(name: str, line: str) -> _Ready:
    if line.startswith(_READY_PREFIX):
        try:
            return _ready_line.validate_json(line.removeprefix(_READY_PREFIX))
        except ValidationError as error:
            raise TrialFailed(f"{name} printed a READY line that is not valid: {first_mistake(error)}") from error
    raise TrialFailed(f"{name} printed {line[:80]!r} where its READY line belongs")
