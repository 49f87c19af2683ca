"""What connections take, from readings of a /proc that the test wrote."""

from pathlib import Path

import pytest

from loadlab.probes.memory import (
    FEWEST_CONNECTIONS,
    MemoryReading,
    memory_of_connections,
    parse_buffer_bytes,
    parse_kernel_bytes,
    parse_listing_bytes,
    read_memory,
    read_pss,
)
from loadlab.processes.proc import PAGE_BYTES

KIB = 1024
MEMINFO = """\
MemTotal:       24684044 kB
MemFree:        23000000 kB
AnonPages:        400000 kB
Slab:             100000 kB
SReclaimable:      60000 kB
SUnreclaim:        40000 kB
KernelStack:        2000 kB
PageTables:         3000 kB
VmallocUsed:        4000 kB
Percpu:              500 kB
HugePages_Total:       0
"""
SOCKSTAT = """\
sockets: used 99
TCP: inuse 7 orphan 0 tw 3 alloc 9 mem 12
UDP: inuse 1 mem 1
FRAG: inuse 0 memory 0
"""
SLABINFO = """\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit>
proc_inode_cache      90    100    700   23    4 : tunables    0    0    0 : slabdata      5      5      0
dentry               500    600    200   21    1 : tunables    0    0    0 : slabdata     29     29      0
"""
KERNEL_BYTES = (100_000 + 2000 + 3000 + 4000 + 500) * KIB + 12 * PAGE_BYTES


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "sockstat").write_text(SOCKSTAT)
    for pid, pss in ((1, 5000), (2, 300), (3, 20)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "smaps_rollup").write_text(f"Rss:  99999 kB\nPss:  {pss} kB\nPss_Anon:  7 kB\n")
    return tmp_path


def test_what_the_kernel_keeps_is_added_up_and_each_side_has_its_own(proc: Path) -> None:
    assert read_memory([1, 2], [3], proc) == MemoryReading(KERNEL_BYTES, 5300 * KIB, 20 * KIB)


def test_former_listings_of_proc_do_not_count_where_the_kernel_tells_of_them(proc: Path) -> None:
    (proc / "slabinfo").write_text(SLABINFO)
    reading = read_memory([], [], proc)
    assert reading == MemoryReading(KERNEL_BYTES - 100 * (700 + 200), 0, 0)


def test_memory_in_equal_parts_is_added_up_over_those_that_are_there(proc: Path) -> None:
    assert read_pss([1, 2, 99], proc) == 5300 * KIB


def test_a_process_that_may_not_be_looked_into_leaves_nothing_to_report(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadlab.probes.memory.read_pss", lambda pids, proc: None if 3 in pids else 1)
    assert read_memory([1], [2], proc) is not None
    assert read_memory([1], [3], proc) is None
    assert read_memory([3], [], proc) is None


@pytest.mark.parametrize("absent", ["meminfo", "net/sockstat"])
def test_a_kernel_that_does_not_show_its_own_memory_leaves_nothing_to_report(proc: Path, absent: str) -> None:
    (proc / absent).unlink()
    assert read_memory([1], [3], proc) is None


def test_the_parsers_take_their_lines_only() -> None:
    assert parse_kernel_bytes(MEMINFO) == 109_500 * KIB
    assert parse_buffer_bytes(SOCKSTAT) == 12 * PAGE_BYTES
    assert parse_listing_bytes(SLABINFO) == 90_000
    assert parse_listing_bytes("slabinfo - version: 2.1\n") == 0


def test_the_memory_is_the_growth_divided_among_the_connections() -> None:
    before = MemoryReading(kernel_bytes=50_000, target_bytes=7000, client_bytes=0)
    after = MemoryReading(kernel_bytes=80_050_000, target_bytes=6_007_000, client_bytes=4_000_000)
    memory = memory_of_connections(before, after, 10_000)
    assert memory is not None
    assert (memory.kernel_bytes, memory.target_bytes, memory.client_bytes) == (80_000_000, 6_000_000, 4_000_000)
    assert (memory.connections, memory.bytes_per_connection) == (10_000, 9000.0)


@pytest.mark.parametrize(
    ("known_before", "known_after", "connections", "expected"),
    [
        (True, True, FEWEST_CONNECTIONS, True),
        (True, True, FEWEST_CONNECTIONS - 1, False),
        (False, True, FEWEST_CONNECTIONS, False),
        (True, False, FEWEST_CONNECTIONS, False),
    ],
)
def test_too_few_connections_or_an_unknown_reading_give_nothing(
    known_before: bool, known_after: bool, connections: int, expected: bool
) -> None:
    reading = MemoryReading(1, 1, 1)
    memory = memory_of_connections(reading if known_before else None, reading if known_after else None, connections)
    assert (memory is not None) is expected
