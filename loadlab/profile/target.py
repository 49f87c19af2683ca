"""The section `target`: the server to measure, either a bundled one that loadlab starts or one that is running."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from loadlab.profile.address import ServerAddress
from loadlab.profile.suggestions import nearest
from loadlab.profile.values import Count, OptionScalar, OptionValue, Section, Text

OPTION_PATTERN: Final = r"[a-z][a-z0-9-]*"
HANDLER_PATTERN: Final = r"[a-z][a-z0-9-]*"

Option = Annotated[OptionScalar, OptionValue()]

_OF_RUNNING: Final = frozenset({"address", "pid"})
_MOST_PIDS: Final = 1 << 22  # the kernel's limit, PID_MAX_LIMIT


def belongs_to_running(key: str) -> bool:
    """Return whether a key of `target` is for a running server; all others are for bundled ones."""
    return key in _OF_RUNNING


def _require_one_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": ["server"]}, {"required": ["address"]}]


class Target(Section):
    """The server to measure: a bundled `server`, with further keys as its options, or the one running at `address`.

    Dumped, it has only the keys of that kind of server.
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
    address: Annotated[str, ServerAddress()] | None = Field(
        default=None,
        description="The address of a running server on this machine, in place of a bundled one: localhost or an IP "
        "address, and a port.",
    )
    pid: Annotated[int, Count(1, _MOST_PIDS, "4711")] | None = Field(
        default=None,
        description="The process to watch, with its children; by default the one that listens at the address.",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.server is None and self.address is None:
            slips = {key: near for key in self.options if (near := nearest(key, ("server", "address")))}
            instead = "; did you mean '{1}' by '{0}'?".format(*slips.popitem()) if slips else ", one of the two"
            raise ValueError(f"needs server (a bundled one) or address (of a running server){instead}")
        if self.server is not None and self.address is not None:
            raise ValueError("has both server and address; remove one of the two")
        return self

    @model_serializer(mode="wrap")
    def _dump_own_kind(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        runs = self.address is not None
        return {key: value for key, value in dump(self).items() if belongs_to_running(key) == runs}

    @property
    def options(self) -> Mapping[str, OptionScalar]:
        """The server's own options that the profile sets."""
        return self.__pydantic_extra__

    @property
    def name(self) -> str:
        """The name of the bundled server, or the address."""
        return self.server or self.address or ""
