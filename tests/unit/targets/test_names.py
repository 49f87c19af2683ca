"""The addresses of servers: which of a name's is taken, and which must not be loaded. No name server is asked."""

import socket
from collections.abc import Callable

import pytest

from loadlab.profile.address import TcpAddress, UnixAddress
from loadlab.targets import Names, NotAllowed, NotResolvable, is_of_this_machine

REMOTE = "192.0.2.1"  # for documentation (RFC 5737): no machine has it


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The addresses of names, which may be changed; a name that is not in it cannot be resolved."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, _port: None, type: int) -> list[tuple[object, ...]]:
        try:
            return [(None, type, 0, "", (ip, 0)) for ip in known[host]]
        except KeyError:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None

    monkeypatch.setattr("loadlab.targets.names.socket.getaddrinfo", look_up)
    return known


@pytest.fixture
def accepting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that accept connections, which may be changed."""
    ips: list[str] = []
    accepts: Callable[[TcpAddress], bool] = lambda address: address.host in ips  # noqa: E731
    monkeypatch.setattr("loadlab.targets.names.accepts", accepts)
    return ips


def test_an_address_without_a_name_stays_as_it_is() -> None:
    names = Names()
    assert names.resolve(TcpAddress("127.0.0.1", 80)) == TcpAddress("127.0.0.1", 80)
    assert names.resolve(UnixAddress("/run/app.sock")) == UnixAddress("/run/app.sock")


def test_the_first_that_accepts_is_taken_and_kept(hosts: dict[str, list[str]], accepting: list[str]) -> None:
    hosts["app"] = ["::1", "127.0.0.1", "::1"]
    names = Names()
    assert names.resolve(TcpAddress("app", 80)) == TcpAddress("127.0.0.1", 80)  # nobody accepts yet
    accepting.append("::1")
    assert names.resolve(TcpAddress("app", 80)) == TcpAddress("::1", 80)
    accepting.append("127.0.0.1")
    assert names.resolve(TcpAddress("app", 80)) == TcpAddress("::1", 80)
    assert names.resolve(TcpAddress("app", 81)) == TcpAddress("127.0.0.1", 81)


def test_localhost_needs_no_entry(hosts: dict[str, list[str]], accepting: list[str]) -> None:
    accepting.append("::1")
    assert Names().resolve(TcpAddress("localhost", 80)) == TcpAddress("::1", 80)


def test_a_name_is_looked_up_once(hosts: dict[str, list[str]], accepting: list[str]) -> None:
    hosts["app"] = ["127.0.0.1"]
    names = Names()
    names.resolve(TcpAddress("app", 80))
    del hosts["app"]
    assert names.resolve(TcpAddress("app", 81)) == TcpAddress("127.0.0.1", 81)


def test_a_name_without_an_address_is_reported(hosts: dict[str, list[str]]) -> None:
    names = Names()
    with pytest.raises(NotResolvable) as caught:
        names.resolve(TcpAddress("no.such", 80))
    assert str(caught.value) == (
        "the name no.such cannot be resolved (Name or service not known); check it, or name an IP address"
    )
    names.check(TcpAddress("no.such", 80))


def test_another_machine_is_refused_with_the_flag(hosts: dict[str, list[str]]) -> None:
    hosts["staging"] = [REMOTE]
    for act in (Names().check, Names().resolve):
        with pytest.raises(NotAllowed) as caught:
            act(TcpAddress("staging", 80))
        assert str(caught.value) == (
            f"staging:80 ({REMOTE}) is not on this machine, and loadlab loads other machines only if asked to: "
            "add --allow-remote staging, or allow_remote: [staging] in the profile"
        )
    with pytest.raises(NotAllowed, match=rf"^{REMOTE}:80 is not on this machine"):
        Names().check(TcpAddress(REMOTE, 80))


@pytest.mark.parametrize("allowed", ["staging", "Staging", REMOTE])
def test_another_machine_may_be_allowed_by_its_name_or_address(hosts: dict[str, list[str]], allowed: str) -> None:
    hosts["staging"] = [REMOTE]
    names = Names([allowed])
    names.check(TcpAddress("staging", 80))
    assert names.resolve(TcpAddress("staging", 80)) == TcpAddress(REMOTE, 80)


def test_of_a_name_with_addresses_here_and_elsewhere_only_those_here_are_tried(
    hosts: dict[str, list[str]], accepting: list[str]
) -> None:
    hosts["both"] = [REMOTE, "127.0.0.1", "::1"]
    accepting += [REMOTE, "::1"]
    assert Names().resolve(TcpAddress("both", 80)) == TcpAddress("::1", 80)


def test_what_this_machine_is() -> None:
    assert is_of_this_machine("127.0.0.1")
    assert is_of_this_machine("127.8.9.10")
    assert is_of_this_machine("::1")
    assert not is_of_this_machine(REMOTE)
    assert not is_of_this_machine("2001:db8::1")
