"""What each target's file says of itself, in the literal TARGET, read without running it."""

import ast
import importlib.util
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import ConfigDict, StrictBool, StrictInt, StrictStr, ValidationError, model_validator
from pydantic.dataclasses import dataclass as validated_dataclass

from loadlab.capacity import Footprint
from loadlab.errors import LoadlabError
from loadlab.installation import bundled_directory, install_extra
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.values import Count, OptionScalar, describe

_STRICT: Final = ConfigDict(extra="forbid")
# Where Debian keeps servers such as nginx; the PATH of ordinary users leaves it out.
_ALSO_SEARCHED: Final = "/usr/local/sbin:/usr/sbin:/sbin"
# Where `npm install --global` and Debian put packages of Node.js's; targets/node_server.js looks there as well.
_GLOBAL_PACKAGES: Final = tuple(
    map(Path, ("/usr/local/lib/node_modules", "/usr/lib/node_modules", "/usr/share/nodejs"))
)


@validated_dataclass(frozen=True, slots=True, config=_STRICT)
class Option:
    """One option of a target: a switch, a number from `minimum` to `maximum`, or one of `choices`, as `default` is.

    A number may count something that the server runs: processes that share its port (`listeners`, itself included), or
    the processes or threads of a pool.
    """

    default: StrictBool | StrictInt | StrictStr
    about: str
    minimum: StrictInt | None = None
    maximum: StrictInt | None = None
    choices: tuple[str, ...] | None = None
    counts: Literal["listeners", "processes", "threads"] | None = None

    @model_validator(mode="after")
    def _check_default(self) -> Self:
        is_number = isinstance(self.default, int) and not isinstance(self.default, bool)
        if is_number and (self.minimum is None or self.maximum is None):
            raise ValueError("a number needs a minimum and a maximum")
        if isinstance(self.default, str) and self.choices is None:
            raise ValueError("a word needs choices")
        if self.counts is not None and not is_number:
            raise ValueError("only a number counts something")
        if not isinstance(self.default, bool):
            self.read(self.default)
        return self

    def read(self, value: object) -> OptionScalar:
        """Return the option's value; numbers may be written like "20k". Raises ValueError with a sentence."""
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise ValueError(f"must be true or false, not {describe(value)}")
            return value
        if self.minimum is not None and self.maximum is not None:
            return Count(self.minimum, self.maximum).read(value)
        if not isinstance(value, str) or value not in (self.choices or ()):
            near = did_you_mean(value, self.choices or ()) if isinstance(value, str) else ""
            raise ValueError(f"must be one of {', '.join(self.choices or ())}, not {describe(value)}{near}")
        return value


@validated_dataclass(frozen=True, slots=True, config=_STRICT)
class Needs:
    """What a target, or one of its handlers, needs beyond loadlab itself.

    That is a program and the command that installs it, a Python module and the extra of loadlab's that brings it, or a
    package of Node.js's and the command that installs it.
    """

    program: str | None = None
    install: str | None = None
    module: str | None = None
    extra: str | None = None
    package: str | None = None

    @model_validator(mode="after")
    def _check_one_is_named(self) -> Self:
        names = ("program", "install", "module", "extra", "package")
        given = {name for name in names if getattr(self, name) is not None}
        if given not in ({"program", "install"}, {"module", "extra"}, {"package", "install"}):
            raise ValueError("name either program and install, or module and extra, or package and install")
        return self

    @property
    def what(self) -> str:
        """The thing that is needed."""
        if self.package is not None:
            return f"the Node.js package {self.package}"
        return self.program or f"the Python module {self.module}"

    @property
    def problem(self) -> str:
        """The clause for where it is not there."""
        return f"{self.what} is not installed"

    @property
    def fix(self) -> str:
        """The command that installs it."""
        return self.install or install_extra(self.extra or "")


_POSTGRESQL: Final = Needs(module="psycopg", extra="servers")


@validated_dataclass(frozen=True, slots=True, config=_STRICT)
class TargetDescription:
    """What a target's file says of itself. `needs` is None for those that run wherever loadlab does.

    `handler_needs` is what single handlers need besides, by their names; `per_connection` what the server starts for
    each connection, if anything.
    """

    name: str
    about: str
    handlers: tuple[str, ...]
    options: Mapping[str, Option]
    file: Path
    needs: Needs | None = None
    handler_needs: Mapping[str, Needs] = field(default_factory=dict)
    per_connection: Literal["process", "thread"] | None = None

    def footprint(self, options: Mapping[str, OptionScalar]) -> Footprint:
        """Return the processes and threads that the server runs with these options. Raises ValueError."""

        def count(kind: str) -> int:
            counted = {name: option for name, option in self.options.items() if option.counts == kind}
            return sum(int(option.read(options.get(name, option.default))) for name, option in counted.items())

        return Footprint(
            listeners=max(1, count("listeners")),
            pool_processes=count("processes"),
            pool_threads=count("threads"),
            per_connection=self.per_connection,
        )


def catalog(directory: Path | None = None) -> dict[str, TargetDescription]:
    """Return the targets in `directory` (default: those that ship) by name, sorted. Raises LoadlabError."""
    files = sorted((directory or bundled_directory("targets")).glob("*.py"))
    descriptions = [description for file in files if (description := _read_description(file)) is not None]
    return {description.name: description for description in sorted(descriptions, key=lambda each: each.name)}


def find_target(name: str) -> TargetDescription:
    """Return the bundled target of that name. Raises LoadlabError."""
    targets = catalog()
    if name not in targets:
        hint = did_you_mean(name, targets) or f"; there are: {', '.join(targets)}"
        raise LoadlabError(f"there is no bundled server '{name}'{hint}")
    return targets[name]


def why_missing(
    description: TargetDescription, database: str | None = None, handlers: Collection[str] = ()
) -> str | None:
    """Return why a target cannot be started on this machine and how to fix that, None if it can.

    `database` is the connection string of the PostgreSQL server that its handlers are to use, if any; `handlers` are
    those that will be asked for.
    """
    needs = missing_need(description, database, handlers)
    return None if needs is None else f"{needs.problem}; {needs.fix}"


def missing_need(
    description: TargetDescription, database: str | None = None, handlers: Collection[str] = ()
) -> Needs | None:
    """Return what has to be installed before a target can be started, None if nothing has."""
    needed = [description.needs, _POSTGRESQL if database is not None else None]
    needed += [description.handler_needs.get(handler) for handler in handlers]
    return next((needs for needs in needed if needs is not None and not _is_installed(needs)), None)


def _is_installed(needs: Needs) -> bool:
    if needs.module is not None:
        return importlib.util.find_spec(needs.module) is not None
    if needs.package is not None:
        return any((folder / needs.package / "package.json").is_file() for folder in _package_folders())
    searched = f"{os.environ.get('PATH', os.defpath)}:{_ALSO_SEARCHED}"
    return needs.program is not None and shutil.which(needs.program, path=searched) is not None


def _package_folders() -> list[Path]:
    """Return where targets/node_server.js finds packages: as Node.js does for a script in the current directory."""
    here = Path.cwd()
    named = [Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    return [*(folder / "node_modules" for folder in (here, *here.parents)), *named, *_GLOBAL_PACKAGES]


def _read_description(file: Path) -> TargetDescription | None:
    """Return what the TARGET literal in `file` says, None for a module without one."""
    try:
        return _find_description(file, file.stat().st_mtime_ns)
    except ValidationError as error:
        raise LoadlabError(f"{file}: TARGET is not valid: {first_mistake(error)}") from error
    except (OSError, SyntaxError, ValueError, TypeError) as error:
        raise LoadlabError(f"{file}: TARGET cannot be read: {error}") from error


@cache  # a run asks for the catalog several times, and parsing all of it takes 30 ms
def _find_description(file: Path, _modified_ns: int) -> TargetDescription | None:
    source = file.read_bytes()
    if b"TARGET" not in source:
        return None
    for statement in _parse(source, file).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="TARGET")], value=value):
                return TargetDescription(**ast.literal_eval(value), file=file)
    return None


def _parse(source: bytes, file: Path) -> ast.Module:
    try:
        return ast.parse(source, str(file))
    except SystemError:
        # A fault of CPython's up to 3.12 where several threads parse (gh-106905), as those of a Dask worker may.
        return ast.parse(source, str(file))


def first_mistake(error: ValidationError) -> str:
    """Return the first of pydantic's complaints in one line."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
