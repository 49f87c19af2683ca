"""The section `target`: the server that is measured, and how it is started."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from loadlab.profile.section import Section
from loadlab.profile.values import OptionScalar, OptionValue, Text

OPTION_PATTERN = r"[a-z][a-z0-9-]*"

Option = Annotated[OptionScalar, OptionValue()]


class Target(Section):
    """What is measured. Each further key is an option of the server."""

    # Which options there are, and what they take, the servers say: `profile.servers` checks it.
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Option] = Field(init=False)  # with init, pydantic takes it for a key of its own

    server: Annotated[str, Text(r"[!-~]+", "the name of a server")] = Field(
        description="A bundled server; `loadlab targets` lists them with their options."
    )
    handler: Annotated[str, Text(r"[a-z][a-z0-9-]*", "the name of a handler")] = Field(
        default="hello", description="What the server does with a request."
    )
    database: (
        Annotated[str, Text(r"[^\x00-\x1f]+", "the address of a PostgreSQL server, such as postgresql:///test")] | None
    ) = Field(
        default=None,
        description="The PostgreSQL server that the handler `database` asks; by default it asks a SQLite file.",
    )

    @property
    def options(self) -> Mapping[str, OptionScalar]:
        """The server's own options, as far as the profile sets them."""
        return self.__pydantic_extra__
