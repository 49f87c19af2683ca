"""The port that a command is given: free, and not one of those that the kernel gives to connections."""

import socket
from pathlib import Path

import pytest

from loadlab.errors import TrialFailed
from loadlab.targets.ports import choose_port, is_free


def write_range(folder: Path, text: str) -> Path:
    file = folder / "ip_local_port_range"
    file.write_text(text)
    return file


def test_it_is_outside_of_the_range_of_connections(tmp_path: Path) -> None:
    around = write_range(tmp_path, "20000\t60000\n")
    ports = {choose_port(ports_of_connections=around) for _ in range(50)}
    assert all(10_000 <= port < 20_000 or 60_000 < port <= 65_535 for port in ports)
    assert len(ports) > 1


@pytest.mark.parametrize("text", ["1024 65535", "10000 65500", ""])
def test_where_there_is_no_room_outside_it_is_any_port(tmp_path: Path, text: str) -> None:
    assert 10_000 <= choose_port(ports_of_connections=write_range(tmp_path, text)) <= 65_535


def test_one_that_is_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_one_that_is_in_use_over_ipv6_is_not_free() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert not is_free(server.getsockname()[1])


def test_one_that_is_to_be_avoided_is_not_chosen(tmp_path: Path) -> None:
    # Of a range that leaves no room outside, all ports but one are avoided.
    everything = write_range(tmp_path, "1024 65535")
    free = choose_port(ports_of_connections=everything)
    with pytest.raises(TrialFailed, match="there is no free port for the target; stop other servers, or name its"):
        choose_port(range(10_000, 65_536), everything)
    assert free not in {choose_port([free], everything) for _ in range(20)}
