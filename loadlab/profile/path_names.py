"""What the paths of a profile are called in sentences, in headings and on axes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_NUMBER_OF: Final = "the number of "
# Names of variables and headers stay as they are.
_AS_WRITTEN: Final = ("target.env.", "load.request.headers.")


@dataclass(frozen=True, slots=True)
class PathName:
    """`one` is a single step (for each idle connection), `many` what numbers are of (19,000 idle connections).

    `quantity` is what is varied: the number of idle connections, the offered rate.
    """

    one: str
    many: str
    quantity: str

    @property
    def is_counted(self) -> bool:
        """Whether its values are numbers of things, so that a figure can be divided by them."""
        return self.quantity.startswith(_NUMBER_OF)

    @property
    def growing(self) -> str:
        """As in a sentence on what grows with it: `with more idle connections`, `as the offered rate grows`."""
        return f"with more {self.many}" if self.is_counted else f"as {self.quantity} grows"


def name_of_path(path: str) -> PathName:
    """Return the name of a dotted path; one without a name of its own is called by its last key."""
    if path in _NAMES:
        return _NAMES[path]
    key = path.rpartition(".")[2]
    if not path.startswith(_AS_WRITTEN):
        key = key.replace("-", " ").replace("_", " ")
    return PathName(f"unit of {key}", key, key)


def name_of_value(path: str, value: str | int | float | bool | None) -> str:
    """Return a value of a path in words: `epoll`, `blocking calls`, `8 workers in the pool`, `offered rate 500`."""
    if isinstance(value, str):
        return _VALUES.get(path, {}).get(value, value)
    if isinstance(value, bool) and path in _SWITCHES:
        return _SWITCHES[path][value]
    name = name_of_path(path)
    if isinstance(value, bool) or value is None:
        return f"{name.many} {'none' if value is None else str(value).lower()}"
    number = f"{value:,}"
    if name.is_counted:
        return f"{number} {name.one if value == 1 else name.many}"
    return f"{name.quantity.removeprefix('the ')} {number}"


def _counted(one: str, many: str = "") -> PathName:
    many = many or f"{one}s"
    return PathName(one, many, f"{_NUMBER_OF}{many}")


# What is off, and what is on.
_SWITCHES: Final[Mapping[str, tuple[str, str]]] = {"target.blocking": ("suspending calls", "blocking calls")}
_VALUES: Final[Mapping[str, Mapping[str, str]]] = {
    "load.connection": {"keep-alive": "connections kept alive", "per-request": "a connection per request"}
}
_NAMES: Final[Mapping[str, PathName]] = {
    "load.idle": _counted("idle connection"),
    "load.connections": _counted("active connection"),
    "load.slow_connections": _counted("slow sender"),
    "load.rate": PathName("offered request/s", "offered requests/s", "the offered rate"),
    "load.think": PathName("unit of think time", "think time", "think time"),
    "target.pool": _counted("worker in the pool", "workers in the pool"),
    "target.processes": _counted("server process", "server processes"),
    # What gunicorn, uvicorn and hypercorn read.
    "target.env.WEB_CONCURRENCY": _counted("worker process", "worker processes"),
    "wait.descriptors": _counted("descriptor"),
    "wait.active": _counted("active descriptor"),
    "wait.writes": _counted("write"),
    "switch.count": _counted("unit alive", "units alive"),
}
