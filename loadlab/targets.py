"""The servers under test: find them, start one, wait for its READY line, and know what it can do.

docs/design.md, "Contracts", describes the TARGET literal and the READY line.
"""

import ast
import contextlib
import difflib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO, Final, Self

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated_dataclass

from loadlab.bundled import bundled_directory
from loadlab.errors import LoadlabError, TrialFailed
from loadlab.processes import Child, spawn

_READY_PREFIX: Final = "READY "
_READY_LIMIT_BYTES: Final = 64 * 1024
_LOOK_EVERY_SECONDS: Final = 0.005


@validated_dataclass(frozen=True, slots=True)
class TargetDescription:
    """What a target's file says of itself, read without running it."""

    name: str
    about: str
    handlers: tuple[str, ...]
    options: Mapping[str, object]
    file: Path


@validated_dataclass(frozen=True, slots=True)
class Capabilities:
    """What a started target can do on this machine."""

    handlers: tuple[str, ...]
    max_connections: int
    backlog: int


@validated_dataclass(frozen=True, slots=True)
class _Ready:
    """The READY line."""

    address: tuple[str, int]
    pid: int
    capabilities: Capabilities


_ready_line: Final = TypeAdapter(_Ready)


class RunningTarget:
    """A target that is ready for connections; leaving the `with` block stops it and all its processes."""

    def __init__(self, child: Child, address: tuple[str, int], capabilities: Capabilities) -> None:
        self.address = address
        self.capabilities = capabilities
        self.pid = child.pid
        self._child = child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._child.__exit__(*exception)

    def pids(self) -> list[int]:
        """Return the pids of its processes: its own and those it forked."""
        return self._child.all_pids()

    def poll_exit(self) -> str | None:
        """Return a sentence on how it ended, None while it runs."""
        return None if self._child.poll() is None else self._child.account()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Stop it before the `with` block ends: SIGTERM, and SIGKILL after the grace."""
        self._child.stop(grace_seconds)


def catalog(directory: Path | None = None) -> dict[str, TargetDescription]:
    """Return the targets in `directory` (default: those that ship) by name, sorted. Raises LoadlabError."""
    files = sorted((directory or bundled_directory("targets")).glob("*.py"))
    descriptions = [description for file in files if (description := _read_description(file)) is not None]
    return {description.name: description for description in sorted(descriptions, key=lambda each: each.name)}


def find_target(name: str) -> TargetDescription:
    """Return the bundled target of that name. Raises LoadlabError."""
    targets = catalog()
    if name not in targets:
        close = difflib.get_close_matches(name, targets, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(targets)}"
        raise LoadlabError(f"there is no target '{name}'; {hint}")
    return targets[name]


def serve_command(name: str, host: str, port: int) -> list[str]:
    """Return the command line that runs a bundled target in the foreground. Raises LoadlabError."""
    return _command(find_target(name), host, port)


def why_not_possible(capabilities: Capabilities, handler: str, connections: int) -> str | None:
    """Return why a target cannot serve so many connections with that handler, None if it can."""
    if handler not in capabilities.handlers:
        return f"the target has no handler '{handler}'; it has: {', '.join(capabilities.handlers)}"
    if connections > capabilities.max_connections:
        return f"{connections} connections are asked for; the target can hold {capabilities.max_connections} here"
    return None


def launch(
    description: TargetDescription,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    cpus: Collection[int] | None = None,
    start_timeout_seconds: float = 10.0,
    check: Callable[[], None] = lambda: None,
) -> RunningTarget:
    """Start a target and wait until it listens.

    Raises TrialFailed, or what `check` raises, which is called while waiting; no process is left behind then.
    """
    # A file, not a pipe: however much the target prints later on, it never has to wait for us to read it.
    with tempfile.TemporaryFile() as output:
        child = spawn(f"target '{description.name}'", _command(description, host, port), cpus=cpus, stdout=output)
        with contextlib.ExitStack() as stop_unless_ready:
            stop_unless_ready.enter_context(child)
            ready = _wait_ready(child, output, start_timeout_seconds, check)
            stop_unless_ready.pop_all()
    return RunningTarget(child, ready.address, ready.capabilities)


def _command(description: TargetDescription, host: str, port: int) -> list[str]:
    return [sys.executable, str(description.file), "--host", host, "--port", str(port)]


def _wait_ready(child: Child, output: IO[bytes], timeout_seconds: float, check: Callable[[], None]) -> _Ready:
    deadline_ns = time.monotonic_ns() + int(timeout_seconds * 1e9)
    while True:
        check()
        # Nothing wakes those who wait for a file to grow, so look at it again and again; its end wakes us at once.
        if child.wait(_LOOK_EVERY_SECONDS) is not None:
            raise TrialFailed(child.account(" before it was ready"))
        line, line_end, _ = os.pread(output.fileno(), _READY_LIMIT_BYTES, 0).partition(b"\n")
        if line_end:
            return _parse_ready(child.name, line.decode(errors="replace"))
        if time.monotonic_ns() > deadline_ns:
            raise TrialFailed(f"{child.name} was not ready within {timeout_seconds:g} s; it must print a READY line")


def _parse_ready(name: str, line: str) -> _Ready:
    if line.startswith(_READY_PREFIX):
        try:
            return _ready_line.validate_json(line.removeprefix(_READY_PREFIX))
        except ValidationError as error:
            raise TrialFailed(f"{name} printed a READY line that is not valid: {_first_mistake(error)}") from error
    raise TrialFailed(f"{name} printed {line[:80]!r} where its READY line belongs")


def _read_description(file: Path) -> TargetDescription | None:
    """Return what the TARGET literal in `file` says, None for a module without one."""
    try:
        for statement in ast.parse(file.read_bytes(), str(file)).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="TARGET")], value=value):
                    return TargetDescription(**ast.literal_eval(value), file=file)
    except ValidationError as error:
        raise LoadlabError(f"{file}: TARGET is not valid: {_first_mistake(error)}") from error
    except (OSError, SyntaxError, ValueError, TypeError) as error:
        raise LoadlabError(f"{file}: TARGET cannot be read: {error}") from error
    return None


def _first_mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
