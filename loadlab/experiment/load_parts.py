"""What each load worker is told to do: the load of a trial, divided."""

from collections.abc import Sequence
from typing import Final

from loadlab.fleet.division import Share, split_evenly
from loadlab.fleet.messages import LoadPart
from loadlab.profile.address import format_address
from loadlab.profile.schema import LoadProfile

_HTTP_PORT: Final = 80
_SHORTEST_INTERVAL_NS: Final = 250_000_000
_LONGEST_INTERVAL_NS: Final = 1_000_000_000
_MOST_INTERVALS: Final = 1000


def load_parts(
    profile: LoadProfile, address: tuple[str, int], seed: int, stamped_every: int, shares: Sequence[Share]
) -> list[LoadPart]:
    """Return the parts of the workers, one for each share of the connections to the target at `address`."""
    load, (host, port) = profile.load, address
    kinds = [
        (format_request(address, request.path), request.expect_status, request.weight) for request in profile.requests
    ]
    schedule = [(stage.for_ns, float(stage.from_rate), float(stage.to_rate)) for stage in load.stages or ()]
    slow_shares = split_evenly(load.slow_connections, len(shares))
    return [
        LoadPart(
            host=host,
            port=port,
            sources=share,
            kinds=kinds,
            seed=seed,
            schedule=schedule,
            arrivals=load.arrivals,
            share=number,
            shares=len(shares),
            stamped_every=stamped_every,
            spin_ns=load.spin_ns,
            think_ns=load.think_ns,
            think_times=load.think_times,
            senders=load.senders,
            slow_connections=slow,
            pace_ns=load.pace_ns,
            timeout_ns=load.timeout_ns,
            warmup_ns=load.warmup_ns,
            duration_ns=load.duration_ns,
            interval_ns=interval_of(load.duration_ns),
        )
        for number, (share, slow) in enumerate(zip(shares, slow_shares, strict=True))
    ]


def format_request(address: tuple[str, int], path: str) -> str:
    """Return a request, as text in latin-1. Host names the port unless it is the one of HTTP (RFC 9110, 7.2)."""
    name = format_address(address).removesuffix(f":{_HTTP_PORT}")
    return f"GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n"


def interval_of(duration_ns: int) -> int:
    """Return how often the load workers report, in ns: often enough to show progress, and at most a thousand times."""
    wanted_ns = min(max(duration_ns // 8, _SHORTEST_INTERVAL_NS), _LONGEST_INTERVAL_NS)
    return max(wanted_ns, duration_ns // _MOST_INTERVALS)
