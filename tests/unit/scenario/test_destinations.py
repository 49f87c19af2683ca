import socket
from collections.abc import Coroutine
from typing import Any, cast

import httpx
import pytest

from loadlab.kernel.loop import Loop
from loadlab.load.failures import Failure
from loadlab.scenario.destinations import Destination, Destinations
from loadlab.scenario.threads import Threads

TARGET = Destination(("127.0.0.1", 4000), None, is_target=True)


class Resolver:
    """What resolves names in a thread, here at once and to one address."""

    async def call(self, function: object, host: str, port: int, **_: object) -> list[Any]:
        assert function is socket.getaddrinfo
        if host == "nowhere.test":
            raise OSError(-2, "Name or service not known")
        return [(None, None, None, "", ("192.0.2.7", port))]


def destinations(*allow_remote: str, authority: str = "127.0.0.1:4000") -> Destinations:
    loop, threads = cast(Loop, None), cast(Threads, Resolver())
    return Destinations(loop, threads, TARGET, authority, allow_remote)


def find(where: Destinations, url: str) -> Destination | Failure:
    finding: Coroutine[None, None, Destination | Failure] = where.find(httpx.URL(url))
    with pytest.raises(StopIteration) as end:
        finding.send(None)
    found: Destination | Failure = end.value.value
    return found


def address_of(where: Destinations, url: str) -> object:
    found = find(where, url)
    assert isinstance(found, Destination)
    return found.address


def test_the_target_and_other_servers_of_this_machine_may_be_asked() -> None:
    where = destinations(authority="shop.test:4000")
    assert where.base_url == "http://shop.test:4000"
    assert find(where, "http://shop.test:4000/items") is TARGET
    assert address_of(where, "http://localhost:81/") == ("127.0.0.1", 81)
    assert address_of(where, "http://127.0.0.9/") == ("127.0.0.9", 80)
    assert address_of(where, "http://[::1]:81/") == ("::1", 81)
    assert find(where, "http://127.0.0.9/a") is find(where, "http://127.0.0.9/b")


@pytest.mark.parametrize("url", ["http://other.test/", "http://192.0.2.7:80/", "http://shop.test:81/"])
def test_other_machines_may_not_be_asked(url: str) -> None:
    where = destinations("staging.test", authority="shop.test:4000")
    with pytest.raises(httpx.UnsupportedProtocol, match="is not this machine: name it in allow_remote of the profile"):
        where.find(httpx.URL(url)).send(None)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://staging.test:81/", ("192.0.2.7", 81)),
        ("http://STAGING.test/", ("192.0.2.7", 80)),
        ("http://192.0.2.7/", ("192.0.2.7", 80)),
        ("http://[2001:db8::7]/", ("192.0.2.7", 80)),
        ("http://bücher.test/", ("192.0.2.7", 80)),
    ],
)
def test_those_that_are_named_may_be(url: str, address: object) -> None:
    where = destinations("staging.test", "192.0.2.7", "2001:db8::7", "xn--bcher-kva.test")
    assert address_of(where, url) == address


def test_a_name_without_an_address_is_a_failure() -> None:
    found = find(destinations("nowhere.test"), "http://nowhere.test/")
    assert isinstance(found, Failure)
    assert found.reason == "no address for nowhere.test: Name or service not known"


def test_other_schemes_are_refused() -> None:
    with pytest.raises(httpx.UnsupportedProtocol, match="unsupported protocol 'ftp://'"):
        destinations().find(httpx.URL("ftp://127.0.0.1/")).send(None)
