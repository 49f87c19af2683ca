"""How connections are divided among processes and local addresses: by the limit of open files, and by local ports.

Pure: every limit is an argument.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby, islice, repeat

from loadlab.capacity import MAX_PROCESSES, PORTS_PER_SOURCE, processes_for
from loadlab.errors import LoadlabError
from loadlab.profile.address import Address, UnixAddress

Share = list[tuple[str | None, int]]
"""One process's connections: (local address or None for the kernel's choice, how many)."""


@dataclass(frozen=True, slots=True)
class Division:
    """The shares of all load workers and all idle holders."""

    workers: list[Share]
    holders: list[Share]


def divide(address: Address, connections: int, workers: int, idle: int, open_files: int) -> Division:
    """Divide `connections` among at least `workers` load workers, and `idle` among as few holders as can hold them.

    Raises LoadlabError where the open files of a reasonable number of processes, or the local ports towards `address`,
    do not suffice.
    """
    worker_count = max(min(workers, connections), count_processes(connections, "connections", open_files))
    holder_count = count_processes(idle, "idle connections", open_files)
    addresses = _addresses(address, connections + idle)
    worker_shares = [take_share(addresses, count) for count in split_evenly(connections, worker_count)]
    holder_shares = [take_share(addresses, count) for count in split_evenly(idle, holder_count)]
    return Division(worker_shares, holder_shares)


def split_evenly(total: int, parts: int) -> list[int]:
    """Return `parts` numbers that differ by one at most and add up to `total`."""
    return [total // parts + (1 if index < total % parts else 0) for index in range(parts)]


def count_processes(count: int, what: str, open_files: int) -> int:
    """Return the fewest processes that can hold `count` connections. Raises LoadlabError if there are too many."""
    needed = processes_for(count, open_files)
    if needed is None:
        raise LoadlabError(
            f"{count:,} {what} do not fit in {MAX_PROCESSES} processes with {open_files:,} open files each: "
            "raise the hard limit (ulimit -Hn) or ask for fewer"
        )
    return needed


def _addresses(address: Address, needed: int) -> Iterator[str | None]:
    """Yield one local address for each connection, each address PORTS_PER_SOURCE times."""
    # A connection to a Unix socket takes no port.
    if needed <= PORTS_PER_SOURCE or isinstance(address, UnixAddress):
        return repeat(None, needed)
    ip = ip_address(address.host)
    if not (ip.version == 4 and ip.is_loopback):
        raise LoadlabError(
            f"{needed:,} connections to {address.host} do not fit in the {PORTS_PER_SOURCE:,} local ports used of one "
            "address; only towards 127.0.0.0/8 there are more addresses to use: ask for fewer"
        )
    return loopback_addresses(needed)


def loopback_addresses(needed: int) -> Iterator[str]:
    """Yield one address of the loopback interface for each connection, each address PORTS_PER_SOURCE times."""
    # From 127.1.0.1 up, so that 127.0.0.1 keeps its ports for everything else on the machine.
    first = ip_address("127.1.0.1")
    return (str(first + number // PORTS_PER_SOURCE) for number in range(needed))


def take_share(addresses: Iterator[str | None], count: int) -> Share:
    """Return the share of a process with so many connections, from the next of `addresses`."""
    return [(address, len(list(same))) for address, same in groupby(islice(addresses, count))]
