"""Addresses of servers, as a profile has them."""

import pytest

from loadlab.profile.address import (
    Address,
    TcpAddress,
    UnixAddress,
    authority_of,
    format_address,
    parse_address,
    socket_address,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", TcpAddress("127.0.0.1", 8080)),
        ("10.1.2.3:1", TcpAddress("10.1.2.3", 1)),
        ("[::1]:65535", TcpAddress("::1", 65535)),
        ("[0:0::1]:80", TcpAddress("::1", 80)),
        ("localhost:8080", TcpAddress("localhost", 8080)),
        ("App-1.Internal.:443", TcpAddress("app-1.internal.", 443)),
        ("bücher.example:80", TcpAddress("xn--bcher-kva.example", 80)),
        ("unix:/run/my app.sock", UnixAddress("/run/my app.sock")),
        ("unix:@app", UnixAddress("@app")),
    ],
)
def test_hosts_with_ports_and_unix_sockets_are_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(format_address(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "localhost:0",
        "-x:80",
        "a b:80",
        "a..b:80",
        "user@host:80",
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
        "127.0.0.1:+80",
        f"{'a' * 64}:80",
        f"{'a.' * 130}a:80",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a host and a port, such as localhost:8080"):
        parse_address(text)


def test_a_url_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ValueError, match=r"must be an address such as localhost:8080, with the path in load\.path"):
        parse_address("http://127.0.0.1:80/api")


@pytest.mark.parametrize("text", ["0.0.0.0:80", "[::]:80"])
def test_where_a_server_may_listen_but_nobody_connects_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be an address to connect to, such as 127\.0\.0\.1:80, not"):
        parse_address(text)


@pytest.mark.parametrize("text", ["unix:", "unix:/", "unix:@", "unix:run/app.sock", "unix:/a\0b"])
def test_a_unix_socket_needs_an_absolute_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"must have the absolute path of a socket, such as unix:/run/app\.sock, not"):
        parse_address(text)


def test_a_path_that_no_socket_can_have_is_refused_with_its_length() -> None:
    assert parse_address(f"unix:/{'x' * 106}") == UnixAddress("/" + "x" * 106)
    with pytest.raises(ValueError, match="the path of a Unix socket has at most 107 bytes, this one has 109"):
        parse_address(f"unix:/{'ü' * 54}")


@pytest.mark.parametrize(
    ("text", "over_tls", "authority"),
    [
        ("127.0.0.1:80", False, "127.0.0.1"),
        ("127.0.0.1:80", True, "127.0.0.1:80"),
        ("127.0.0.1:18080", False, "127.0.0.1:18080"),
        ("[::1]:80", False, "[::1]"),
        ("[::1]:443", True, "[::1]"),
        ("app.internal:8080", False, "app.internal:8080"),
        ("unix:/run/app.sock", False, "localhost"),
    ],
)
def test_the_authority_names_the_port_unless_it_is_the_default(text: str, over_tls: bool, authority: str) -> None:
    assert authority_of(parse_address(text), over_tls) == authority


def test_an_abstract_socket_begins_with_a_null_for_the_kernel() -> None:
    assert socket_address(UnixAddress("@app")) == "\0app"
    assert socket_address(UnixAddress("/run/@app")) == "/run/@app"
    assert socket_address(TcpAddress("::1", 80)) == ("::1", 80)
