"""The limits of one process and one local address."""

import pytest

from loadlab.capacity import (
    MAX_PROCESSES,
    PORTS_PER_SOURCE,
    RESERVED_DESCRIPTORS,
    WIDEST_PORTS,
    ports_per_source,
    processes_for,
)


@pytest.mark.parametrize(
    ("local_ports", "used"), [(28_232, PORTS_PER_SOURCE), (WIDEST_PORTS, 22_850), (1_000, 354), (0, 0)]
)
def test_ports_are_a_part_of_the_kernels_range(local_ports: int, used: int) -> None:
    assert ports_per_source(local_ports) == used


@pytest.mark.parametrize(
    ("connections", "open_files", "processes"),
    [
        (0, 20_000, 0),
        (1, 20_000, 1),
        (20_000 - RESERVED_DESCRIPTORS, 20_000, 1),
        (20_000 - RESERVED_DESCRIPTORS + 1, 20_000, 2),
        (MAX_PROCESSES + 1, RESERVED_DESCRIPTORS + 1, None),
        (1, RESERVED_DESCRIPTORS, None),
    ],
)
def test_processes_are_as_few_as_can_hold_the_connections(
    connections: int, open_files: int, processes: int | None
) -> None:
    assert processes_for(connections, open_files) == processes
