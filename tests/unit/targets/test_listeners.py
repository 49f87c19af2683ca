"""Listening sockets and who holds them, in a /proc that the test made."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from loadlab.profile.address import TcpAddress, UnixAddress
from loadlab.targets.listeners import Holders, find_holders, listening_addresses, listening_inodes, parse_listener

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
# As x86-64 and arm64 print them: each word of the address with its last byte first.
ANY, LOOPBACK = "00000000", "0100007F"
ANY_6, LOOPBACK_6 = "0" * 32, "0" * 24 + "01000000"
MAPPED = "0000000000000000FFFF00000100007F"
PORT = 0x1F90


def row(ip: str, inode: int, state: str = "0A", port: int = PORT) -> str:
    queues_and_timer = "00000000:00000000 00:00000000 00000000"
    return f"   0: {ip}:{port:04X} 00000000:0000 {state} {queues_and_timer}  1000        0 {inode} 1 f\n"


def write_tables(proc: Path, tcp: str, tcp6: str | None = None) -> None:
    (proc / "net").mkdir()
    (proc / "net" / "tcp").write_text(HEAD + tcp)
    if tcp6 is not None:
        (proc / "net" / "tcp6").write_text(HEAD + tcp6)


def test_a_row_is_read() -> None:
    listener = parse_listener(row(LOOPBACK, 77))
    assert listener is not None
    assert (listener.ip, listener.port, listener.inode) == (ip_address("127.0.0.1"), 8080, 77)
    listener = parse_listener(row(LOOPBACK_6, 78))
    assert listener is not None
    assert listener.ip == ip_address("::1")


def test_a_connection_is_no_listener() -> None:
    assert parse_listener(row(LOOPBACK, 77, state="01")) is None


@pytest.mark.parametrize(
    ("host", "tcp", "tcp6", "inodes"),
    [
        ("127.0.0.1", row(LOOPBACK, 1) + row(LOOPBACK, 2), "", {1, 2}),  # SO_REUSEPORT
        ("127.0.0.1", row(ANY, 1), "", {1}),
        ("127.0.0.1", row(ANY, 1) + row(LOOPBACK, 2), row(ANY_6, 3), {2}),
        ("127.0.0.1", row(ANY, 1), row(ANY_6, 2), {1}),
        ("127.0.0.1", "", row(ANY_6, 2), {2}),
        ("127.0.0.1", "", row(MAPPED, 2), {2}),
        ("127.0.0.2", row(LOOPBACK, 1), "", set()),
        ("127.0.0.1", row(LOOPBACK, 1, port=80), "", set()),
        ("127.0.0.1", row(LOOPBACK, 1, state="01"), "", set()),
        ("::1", row(ANY, 1), row(LOOPBACK_6, 2), {2}),
        ("::1", row(ANY, 1), row(ANY_6, 2), {2}),
        ("::1", row(ANY, 1), "", set()),
    ],
)
def test_the_closest_listeners_are_taken(tmp_path: Path, host: str, tcp: str, tcp6: str, inodes: set[int]) -> None:
    write_tables(tmp_path, tcp, tcp6)
    assert listening_inodes(TcpAddress(host, PORT), tmp_path) == inodes


def test_a_kernel_without_ipv6_has_no_table_for_it(tmp_path: Path) -> None:
    write_tables(tmp_path, row(ANY, 1))
    assert listening_inodes(TcpAddress("127.0.0.1", PORT), tmp_path) == {1}


def test_those_that_have_a_socket_open_are_found(tmp_path: Path) -> None:
    for pid, links in [(10, ["/dev/null", "socket:[1]"]), (11, ["socket:[11]"]), (12, ["socket:[3]", "socket:[2]"])]:
        directory = tmp_path / str(pid) / "fd"
        directory.mkdir(parents=True)
        for number, link in enumerate(links):
            (directory / str(number)).symlink_to(link)
    assert find_holders({1, 2}, [10, 11, 12, 13], tmp_path) == Holders(frozenset({10, 12}), frozenset())


def test_unix_sockets_are_found_by_their_path(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "unix").write_text(
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/my app.sock\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 12 /run/my app.sock\n"  # a connection
        "0000000000000000: 00000002 00000000 00010000 0005 01 13 /run/my app.sock\n"  # SOCK_SEQPACKET
        "0000000000000000: 00000002 00000000 00010000 0001 01 14 @app\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 15\n"
    )
    assert listening_inodes(UnixAddress("/run/my app.sock"), tmp_path) == {11}
    assert listening_inodes(UnixAddress("@app"), tmp_path) == {14}
    assert listening_inodes(UnixAddress("/run/other"), tmp_path) == set()


def test_where_processes_listen(tmp_path: Path) -> None:
    write_tables(tmp_path, row(LOOPBACK, 1) + row(ANY, 2, port=80) + row(LOOPBACK, 3, port=81), row(LOOPBACK_6, 4))
    for pid, inode in ((10, 1), (11, 4), (12, 3)):
        directory = tmp_path / str(pid) / "fd"
        directory.mkdir(parents=True)
        (directory / "5").symlink_to(f"socket:[{inode}]")
    assert listening_addresses([10, 11], tmp_path) == [TcpAddress("127.0.0.1", PORT), TcpAddress("::1", PORT)]
    assert listening_addresses([99], tmp_path) == []
