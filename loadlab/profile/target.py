"""The section `target`: the server to measure. loadlab starts a bundled one or any program, or one is running."""

import os
import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from loadlab.profile.address import ServerAddress, TcpAddress, UnixAddress, parse_address
from loadlab.profile.http_values import RequestTarget, Statuses
from loadlab.profile.masking import mask_command
from loadlab.profile.suggestions import nearest
from loadlab.profile.values import (
    HOUR_NS,
    MILLISECOND_NS,
    SECOND_NS,
    Count,
    Duration,
    HostName,
    OptionScalar,
    OptionValue,
    Section,
    Text,
    Truth,
    describe,
    quotes_hint,
)
from loadlab.tls import TlsSettings

OPTION_PATTERN: Final = r"[a-z][a-z0-9-]*"
HANDLER_PATTERN: Final = r"[a-z][a-z0-9-]*"
PLACES: Final = ("{port}", "{socket}")
"""What stands in a command, or its environment, for the address that loadlab chooses."""

LISTS: Final = frozenset({"target.command"})
"""The paths at which a list is a single value, so that a sweep lists lists."""

Option = Annotated[OptionScalar, OptionValue()]
TargetKind = Literal["server", "command", "address"]
FileName = Annotated[str, Text(r"[^\x00]+", "the name of a file")]

_KEYS: Final[Mapping[TargetKind, frozenset[str]]] = {
    "command": frozenset({"command", "env", "cwd", "ready", "stop", "address", "tls"}),
    "address": frozenset({"address", "pid", "tls"}),
}
_OF_ALL: Final = frozenset({"on"})
_LONGEST_NAME: Final = 40  # characters of a command within a sentence
_MOST_PIDS: Final = 1 << 22  # the kernel's limit, PID_MAX_LIMIT
_STOP_SIGNALS: Final = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL")
_ENV_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"


def belongs_to(kind: TargetKind, key: str) -> bool:
    """Return whether a key of `target` is for servers of that kind; what is for no other is for bundled ones."""
    if key in _OF_ALL:
        return True
    if kind == "server":
        return not any(key in keys for keys in _KEYS.values())
    return key in _KEYS[kind]


def kind_of_target(keys: Mapping[str, object]) -> TargetKind | None:
    """Return the kind of server that keys of `target` choose, None if they choose none. A command goes before."""
    kinds: tuple[TargetKind, ...] = ("command", "server", "address")
    return next((kind for kind in kinds if keys.get(kind) is not None), None)


@dataclass(frozen=True, slots=True)
class CommandWords:
    """A command: the program and its arguments, each a word."""

    def read(self, value: object) -> tuple[str, ...]:
        """Return the words; raise ValueError with a sentence if they are none."""
        rule = 'must be a list of words, such as [python3, server.py, --port, "{port}"]'
        if isinstance(value, str):
            raise ValueError(f"{rule}, not {describe(value)}; no shell reads it")
        if not isinstance(value, list | tuple):
            raise ValueError(f"{rule}, not {describe(value)}")
        if not value:
            raise ValueError(f"{rule}, not an empty list")
        return tuple(_read_word(word) for word in value)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1}


@dataclass(frozen=True, slots=True)
class EnvironmentValue:
    """The value of an environment variable, which is text; a whole number is kept as one, so that it can be plotted."""

    def read(self, value: object) -> str | int:
        """Return the value; raise ValueError with a sentence if it is none."""
        text = _read_word(value)
        return int(text) if re.fullmatch("0|-?[1-9][0-9]{0,17}", text) else text

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": ["string", "integer"]}


@dataclass(frozen=True, slots=True)
class StopSignal:
    """The signal that asks a program to end, by its name."""

    def read(self, value: object) -> str:
        """Return its whole name; raise ValueError with a sentence if it is no signal to end with."""
        name = f"SIG{value.upper().removeprefix('SIG')}" if isinstance(value, str) else ""
        if name not in _STOP_SIGNALS:
            raise ValueError(f"must be a signal that ends a program, such as SIGTERM or SIGINT, not {describe(value)}")
        return name

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"enum": [*_STOP_SIGNALS, *(name.removeprefix("SIG") for name in _STOP_SIGNALS)]}


class Ready(Section):
    """How a program that loadlab starts shows that it is ready: it answers a request."""

    path: Annotated[str, RequestTarget()] = Field(default="/", description="The path that is requested with GET.")
    status: Statuses | None = Field(
        default=None, description="The statuses that mean ready: one (204), a class (2xx), or a list; by default any."
    )
    within_ns: Annotated[int, Duration(MILLISECOND_NS, HOUR_NS)] = Field(
        default=30 * SECOND_NS, alias="within", description="How long it may take to be ready."
    )


class Tls(Section):
    """How to connect over TLS. Files are PEM, relative to the profile's folder."""

    ca: FileName | None = Field(
        default=None, description="Certificates to trust in place of the system's: of a CA, or the server's own."
    )
    server_name: Annotated[str, HostName()] | None = Field(
        default=None,
        description="The name that the server is asked for (SNI) and that its certificate must be valid for; by "
        "default the host of the address.",
    )
    cert: FileName | None = Field(default=None, description="The client's own certificate.")
    key: FileName | None = Field(
        default=None, description="The private key of `cert`; by default it is in the same file."
    )
    verify: Annotated[bool, Truth()] = Field(
        default=True, description="Whether the server's certificate must be valid."
    )


def _require_one_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [
        {"required": ["server"]},
        {"required": ["command"]},
        {"required": ["address"], "not": {"required": ["command"]}},
    ]


class Target(Section):
    """The server to measure: a bundled `server`, a `command` that starts one, or the one running at `address`.

    Further keys are options of a bundled server. Dumped, it has only the keys of its kind.
    """

    # Each server declares its options: `profile.validation.servers` checks them.
    model_config = ConfigDict(extra="allow", json_schema_extra=_require_one_kind)
    __pydantic_extra__: dict[str, Option] = Field(init=False)  # with init, pydantic makes it a key

    server: Annotated[str, Text(r"[!-~]+", "the name of a server")] | None = Field(
        default=None, description="A bundled server; `loadlab targets` lists them with their options."
    )
    handler: Annotated[str, Text(HANDLER_PATTERN, "the name of a handler")] = Field(
        default="hello", description="What the bundled server does for each request."
    )
    database: (
        Annotated[
            str, Text(r"[^\x00-\x1f\x7f-\x9f]+", "the address of a PostgreSQL server, such as postgresql:///test")
        ]
        | None
    ) = Field(
        default=None,
        description="The PostgreSQL server that the handler `database` queries; by default it queries a SQLite file.",
    )
    command: Annotated[tuple[str, ...], CommandWords()] | None = Field(
        default=None,
        description="The program to start as the server, and its arguments; {port} is a free port, {host} the IP "
        "address to listen on, {socket} the path of a Unix socket, {folder} an empty folder.",
    )
    env: dict[
        Annotated[str, Text(_ENV_NAME, "the name of an environment variable")],
        Annotated[str | int, EnvironmentValue()],
    ] = Field(
        default={}, description="Environment variables of the command, added to loadlab's own; {port} and so on too."
    )
    cwd: FileName | None = Field(
        default=None, description="The directory in which the command starts; by default that of the profile."
    )
    ready: Ready = Field(
        default=Ready(), description="How the command shows that it is ready: by default, by any answer."
    )
    stop: Annotated[str, StopSignal()] = Field(
        default="SIGTERM", description="The signal that ends the command; SIGKILL follows after 10 s."
    )
    address: Annotated[str, ServerAddress()] | None = Field(
        default=None,
        description="The address of a running server, host:port or unix:/path; with a command, where it will listen.",
    )
    pid: Annotated[int, Count(1, _MOST_PIDS, "4711")] | None = Field(
        default=None,
        description="The process to watch, with its children; by default the one that listens at the address.",
    )
    tls: Tls | None = Field(default=None, description="Connect over TLS; {} for the defaults.")
    on: Annotated[str, Text(r"[!-~]+", "the name of a machine of the cluster")] | None = Field(
        default=None,
        description="The machine of the cluster (--cluster) that the server is started on, or runs on; it generates no "
        "load then. By default the server is on this machine, or where its address is.",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.server is None and self.command is None and self.address is None:
            known = ("server", "command", "address")
            slips = {key: near for key in self.options if (near := nearest(key, known))}
            instead = "; did you mean '{1}' by '{0}'?".format(*slips.popitem()) if slips else ", one of them"
            raise ValueError(
                f"needs server (a bundled one), command (a program to start) or address (of a running server){instead}"
            )
        if self.server is not None and (self.command is not None or self.address is not None):
            other = "command" if self.command is not None else "address"
            raise ValueError(f"has both server and {other}; remove one of the two")
        return self

    @model_serializer(mode="wrap")
    def _dump_own_kind(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped = {key: value for key, value in dump(self).items() if belongs_to(self.kind, key)}
        return dumped if self.on is not None else {key: value for key, value in dumped.items() if key != "on"}

    @property
    def kind(self) -> TargetKind:
        """Which of its keys says what the server is."""
        if self.command is not None:
            return "command"
        return "server" if self.server is not None else "address"

    @property
    def options(self) -> Mapping[str, OptionScalar]:
        """The bundled server's own options that the profile sets."""
        return self.__pydantic_extra__

    @property
    def name(self) -> str:
        """The name of the bundled server, the command without credentials, or the address."""
        if self.command is not None:
            return describe_command(mask_command(self.command))
        return self.server or self.address or ""

    @property
    def over_unix_socket(self) -> bool:
        """Whether its connections go to a Unix socket, and take no port."""
        if self.command is not None and self.address is None:
            return any("{socket}" in text for text in (*self.command, *map(str, self.env.values())))
        return self.address is not None and isinstance(parse_address(self.address), UnixAddress)

    @property
    def stop_signal(self) -> int:
        """The number of the signal that ends the command."""
        return signal.Signals[self.stop]

    @property
    def tls_settings(self) -> TlsSettings | None:
        """How to connect over TLS, None for connections in plain text."""
        if self.options.get("scheme") == "https":  # a bundled server; it has signed its certificate itself
            return TlsSettings("localhost", verify=False)
        if self.tls is None:
            return None
        tls, host = self.tls, "localhost"
        if self.address is not None and isinstance(address := parse_address(self.address), TcpAddress):
            host = address.host
        return TlsSettings(tls.server_name or host, tls.ca, tls.cert, tls.key, tls.verify)


def describe_command(words: Sequence[str]) -> str:
    """Return a command as its author would type it; {port} and the like need no quotes."""
    return " ".join(word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else shlex.quote(word) for word in words)


def name_of_command(words: Sequence[str]) -> str:
    """Return what to call a command in a sentence: without the folder of its program, and not all of a long one."""
    program, *arguments = words
    shown = describe_command([os.path.basename(program) or program])
    for argument in arguments:
        longer = f"{shown} {describe_command([argument])}"
        if len(longer) > _LONGEST_NAME:
            return f"{shown} ..."
        shown = longer
    return shown


def _read_word(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {describe(value)}{quotes_hint(value)}")
    if "\0" in value:
        raise ValueError("must not have a NUL character")
    return value
