"""What the handlers reach outside of the server, from its command line: a folder, a database, another server."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Environment:
    """`database` is a PostgreSQL connection string, None for a SQLite file in `folder`; `upstream` a host and port."""

    folder: Path = field(default_factory=Path)
    database: str | None = None
    upstream: tuple[str, int] | None = None


ENVIRONMENT = Environment()
"""That of this process; `server.run` fills it in before the first connection is accepted."""
