"""Which processes are the server at an address, in a /proc that the test made."""

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from loadlab.profile.address import TcpAddress, UnixAddress
from loadlab.targets import NotAttachable, find_server
from loadlab.targets.listeners import Holders

from ..processes.proc_tree import write_stat

ADDRESS = TcpAddress("127.0.0.1", 8080)
LISTENING = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 {} 1 f\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc without processes, where the sockets 1 and 2 listen at ADDRESS."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("head\n" + "".join(LISTENING.format(inode) for inode in (1, 2)))
    add(tmp_path, 1, 0, [], "systemd")
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "net").symlink_to("net:[100]")
    return tmp_path


def add(proc: Path, pid: int, parent: int, sockets: Sequence[int], name: str = "server", network: int = 100) -> None:
    directory = proc / str(pid)
    (directory / "fd").mkdir(parents=True)
    (directory / "ns").mkdir()
    (directory / "ns" / "net").symlink_to(f"net:[{network}]")
    write_stat(proc, pid, name=name, parent=parent)
    (directory / "comm").write_text(f"{name}\n")
    for inode in sockets:
        (directory / "fd" / str(inode)).symlink_to(f"socket:[{inode}]")


def nobody_listens(proc: Path) -> None:
    (proc / "net" / "tcp").write_text("head\n")


def why_not(proc: Path, pid: int | None = None) -> str:
    with pytest.raises(NotAttachable) as caught:
        find_server(ADDRESS, pid, proc)
    return str(caught.value)


def test_a_master_is_the_server_and_its_workers_are_not(proc: Path) -> None:
    add(proc, 10, 1, [1])
    add(proc, 11, 10, [1])
    add(proc, 12, 10, [1])
    assert find_server(ADDRESS, None, proc) == {10}


def test_siblings_with_a_socket_each_are_it_together(proc: Path) -> None:
    add(proc, 10, 9, [1])
    add(proc, 11, 9, [2])
    assert find_server(ADDRESS, None, proc) == {10, 11}


def test_a_socket_that_systemd_keeps_for_a_service_makes_it_no_part_of_it(proc: Path) -> None:
    (proc / "1" / "fd" / "5").symlink_to("socket:[1]")
    assert find_server(ADDRESS, None, proc) == {1}  # there is nobody else yet
    add(proc, 10, 1, [1])
    assert find_server(ADDRESS, None, proc) == {10}


def test_a_process_can_be_named_if_it_or_a_child_of_it_listens(proc: Path) -> None:
    add(proc, 10, 1, [])
    add(proc, 11, 10, [1])
    assert find_server(ADDRESS, 10, proc) == {10}
    assert find_server(ADDRESS, 11, proc) == {11}


def test_a_process_in_a_container_is_taken_at_its_word(proc: Path) -> None:
    add(proc, 10, 1, [], network=200)
    nobody_listens(proc)
    assert find_server(ADDRESS, 10, proc) == {10}


def test_a_process_that_does_not_listen_there_is_reported(proc: Path) -> None:
    add(proc, 10, 1, [3])
    assert why_not(proc, 10) == (
        "neither process 10 (target.pid) nor its children listen at 127.0.0.1:8080; leave target.pid out to watch "
        "the processes that do"
    )


def test_a_process_that_is_not_there_is_reported(proc: Path) -> None:
    assert why_not(proc, 99) == "there is no process 99 (target.pid) to watch for 127.0.0.1:8080"


def test_an_address_where_nobody_listens_is_reported(proc: Path) -> None:
    nobody_listens(proc)
    assert why_not(proc) == "nothing listens at 127.0.0.1:8080; start the server first"


def test_a_listener_that_cannot_be_seen_is_reported_with_a_fix(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(proc).endswith("run loadlab in the server's PID namespace, with docker as --pid=host")
    hidden = Holders(frozenset(), frozenset({10}))
    monkeypatch.setattr("loadlab.targets.attaching.find_holders", lambda *_: hidden)
    assert why_not(proc) == (
        "the server at 127.0.0.1:8080 belongs to another user: name its process (target.pid), or run loadlab as root "
        "or as that user"
    )
    add(proc, 10, 1, [])
    assert find_server(ADDRESS, 10, proc) == {10}


@pytest.fixture
def unix_server(tmp_path: Path) -> Iterator[UnixAddress]:
    """A Unix socket at which this process listens."""
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        yield UnixAddress(str(path))


def test_the_server_at_a_unix_socket_is_who_listens_there(unix_server: UnixAddress, tmp_path: Path) -> None:
    assert find_server(unix_server) == {os.getpid()}
    assert find_server(unix_server, os.getpid()) == {os.getpid()}
    (tmp_path / "link").symlink_to(unix_server.path)
    assert find_server(UnixAddress(str(tmp_path / "link"))) == {os.getpid()}


def test_a_unix_socket_that_was_moved_is_found_by_its_peer(unix_server: UnixAddress) -> None:
    moved = f"{unix_server.path}.moved"
    os.rename(unix_server.path, moved)
    assert find_server(UnixAddress(moved)) == {os.getpid()}


def test_a_unix_socket_without_a_listener_is_reported(unix_server: UnixAddress, tmp_path: Path) -> None:
    stale = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(stale))
    for path in (stale, tmp_path / "missing"):
        with pytest.raises(NotAttachable, match=rf"nothing listens at unix:{path}; start the server first"):
            find_server(UnixAddress(str(path)))


def test_a_datagram_socket_is_no_server(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))
        with pytest.raises(NotAttachable, match="is no stream socket, so no HTTP server listens there"):
            find_server(UnixAddress(str(path)))
