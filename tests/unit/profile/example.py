"""A profile without mistakes, and the servers and metrics that it may name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadlab.profile import OptionSpec, ServerSpec

GOOD = """\
name: example
target:
  server: epoll
load:
  connections: 16
  idle: 19k
  duration: 1m30s
sweep:
  target.server: [select, epoll]
  load.idle: [0, 1k]
plot: {x: load.idle, series: target.server}
expect: ["response_ns.p99 <= 50ms"]
"""
METRICS = {"response_ns.p99", "failures"}


@dataclass(frozen=True)
class Server:
    """A server without options."""

    handlers: tuple[str, ...] = ("hello", "cpu")
    options: Mapping[str, OptionSpec] = field(default_factory=dict)


SERVERS: dict[str, ServerSpec] = {"select": Server(), "poll": Server(), "epoll": Server()}
