"""What the probe `sockets` found: TCP on the whole machine, over the measured window."""

from loadlab.results.document import Document


class SocketCounters(Document):
    """Counters of TCP: segments sent again, accept queues that were full, connections dropped there, resets sent."""

    retransmitted: int
    listen_overflows: int
    listen_drops: int
    resets_sent: int

    def since(self, earlier: "SocketCounters") -> "SocketCounters":
        """Return how much was counted since an earlier reading."""
        return SocketCounters(
            **{name: value - getattr(earlier, name) for name, value in self.model_dump().items()},
        )


class SocketsReading(Document):
    """TCP at one moment: sockets in use, in TIME_WAIT, without a process; the memory of their buffers; the counters.

    `at_ns` is the time since the first reading.
    """

    at_ns: int | None = None
    in_use: int
    time_wait: int
    orphans: int
    buffers_bytes: int
    counters: SocketCounters
