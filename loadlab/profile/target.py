"""The section `target`: the server that is measured, either one that loadlab starts or one that runs already."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from loadlab.profile.address import SocketAddress
from loadlab.profile.values import Count, OptionScalar, OptionValue, Section, Text

OPTION_PATTERN = r"[a-z][a-z0-9-]*"

Option = Annotated[OptionScalar, OptionValue()]

_OF_RUNNING: Final = frozenset({"address", "pid"})
_MOST_PIDS: Final = 1 << 22  # the kernel's limit, PID_MAX_LIMIT


def belongs_to_running(key: str) -> bool:
    """Tell whether a key of `target` says something of a server that runs already; all others are of bundled ones."""
    return key in _OF_RUNNING


def _require_one_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": ["server"]}, {"required": ["address"]}]


class Target(Section):
    """What is measured: a bundled `server`, whose options the further keys are, or the one that runs at `address`.

    Dumped, it has the keys of its own kind only.
    """

    # Which options there are, and what they take, the servers say: `profile.servers` checks it.
    model_config = ConfigDict(extra="allow", json_schema_extra=_require_one_kind)
    __pydantic_extra__: dict[str, Option] = Field(init=False)  # with init, pydantic takes it for a key of its own

    server: Annotated[str, Text(r"[!-~]+", "the name of a server")] | None = Field(
        default=None, description="A bundled server; `loadlab targets` lists them with their options."
    )
    handler: Annotated[str, Text(r"[a-z][a-z0-9-]*", "the name of a handler")] = Field(
        default="hello", description="What the bundled server does with a request."
    )
    database: (
        Annotated[str, Text(r"[^\x00-\x1f]+", "the address of a PostgreSQL server, such as postgresql:///test")] | None
    ) = Field(
        default=None,
        description="The PostgreSQL server that the handler `database` asks; by default it asks a SQLite file.",
    )
    address: Annotated[str, SocketAddress()] | None = Field(
        default=None,
        description="Where a server of this machine that runs already listens, in place of a bundled one: localhost or "
        "an IP address, and a port.",
    )
    pid: Annotated[int, Count(1, _MOST_PIDS)] | None = Field(
        default=None,
        description="The process to watch there, with its children; by default whoever listens at the address.",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.server is None and self.address is None:
            raise ValueError("names no server; set server (a bundled one) or address (of one that runs already)")
        if self.server is not None and self.address is not None:
            raise ValueError("has both server and address; leave one of them out")
        return self

    @model_serializer(mode="wrap")
    def _dump_own_kind(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        runs = self.address is not None
        return {key: value for key, value in dump(self).items() if belongs_to_running(key) == runs}

    @property
    def options(self) -> Mapping[str, OptionScalar]:
        """The server's own options, as far as the profile sets them."""
        return self.__pydantic_extra__

    @property
    def name(self) -> str:
        """What the target is called: the bundled server's name, or the address."""
        return self.server or self.address or ""
