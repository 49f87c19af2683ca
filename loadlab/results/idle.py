"""What is known of the idle connections of a trial, as it stands in run.json."""

from typing import Literal

from loadlab.results.probe_data import Document

IdleProtocol = Literal["tcp", "http", "websocket", "events"]


class IdleSummary(Document):
    """The idle connections of a trial: asked for, opened, and alive when the measured window began and ended.

    Until then they answered `pings` of the server and received `received_bytes`, where their `protocol` has either.
    """

    wanted: int
    opened: int
    alive_at_start: int
    alive: int
    open_seconds: float
    holders: int
    holder_bytes_per_connection: float | None = None
    problem: str | None = None
    protocol: IdleProtocol = "tcp"
    pings: int = 0
    received_bytes: int = 0


class ConnectionMemory(Document):
    """The memory that the idle connections took on this machine, both ends: after opening minus before, in bytes.

    `kernel_bytes` is what the kernel keeps for both ends, `target_bytes` and `client_bytes` the memory (PSS) of the
    target and of the idle holders, their interpreters included.
    """

    connections: int
    kernel_bytes: int
    target_bytes: int
    client_bytes: int
    bytes_per_connection: float
