"""Addresses of servers, as a profile has them."""

import pytest

from loadlab.profile.address import format_address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("10.1.2.3:1", ("10.1.2.3", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[0:0::1]:80", ("::1", 80)),
        ("localhost:8080", ("localhost", 8080)),
    ],
)
def test_host_and_port_are_read(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address
    assert parse_address(format_address(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "localhost:0",
        "localhost.:80",
        "www.example.com:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.256:80",
        "[127.0.0.1]:80",
        "::1:80",
        "[::1]",
        "[::g]:80",
        "127.0.0.1:80\n",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be localhost or an IP address of this machine, and a port, such"):
        parse_address(text)


def test_a_url_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ValueError, match=r"must be an address such as localhost:8080, with the path in load\.path"):
        parse_address("http://127.0.0.1:80/api")


@pytest.mark.parametrize("text", ["0.0.0.0:80", "[::]:80"])
def test_where_a_server_may_listen_but_nobody_connects_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be an address to connect to, such as 127\.0\.0\.1:80, not"):
        parse_address(text)
