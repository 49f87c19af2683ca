"""What a URL says, and what is wrong with one."""

import pytest

from loadlab.cli.hit.url import parse_url
from loadlab.errors import LoadlabError
from loadlab.profile.address import TcpAddress, format_address


@pytest.mark.parametrize(
    ("text", "over_tls", "host", "port", "path"),
    [
        ("http://127.0.0.1:8000/items", False, "127.0.0.1", 8000, "/items"),
        ("http://localhost", False, "localhost", 80, "/"),
        ("https://localhost", True, "localhost", 443, "/"),
        ("HTTPS://Localhost:/x", True, "localhost", 443, "/x"),
        ("localhost:8000", False, "localhost", 8000, "/"),
        ("localhost:8000/a?b=c/d&e=?", False, "localhost", 8000, "/a?b=c/d&e=?"),
        ("http://localhost?page=2", False, "localhost", 80, "/?page=2"),
        ("http://[::1]:8000/a", False, "::1", 8000, "/a"),
        ("http://[::1]/a", False, "::1", 80, "/a"),
        ("http://localhost/a b/straße", False, "localhost", 80, "/a b/straße"),
        ("http://localhost/a:1@b", False, "localhost", 80, "/a:1@b"),
        ("http://münchen.example/", False, "xn--mnchen-3ya.example", 80, "/"),
        ("http://localhost/{{x}}", False, "localhost", 80, "/%7B%7Bx}}"),
    ],
)
def test_parts_of_a_url(text: str, over_tls: bool, host: str, port: int, path: str) -> None:
    url = parse_url(text)
    assert (url.over_tls, url.address, url.path) == (over_tls, TcpAddress(host, port), path)
    assert not url.notes
    assert url.authorization is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("htp://x/", "'htp://' is no scheme that loadlab speaks; did you mean 'http'?"),
        ("ftp://x/", "'ftp://' is no scheme that loadlab speaks"),
        ("://x/", "'://' is no scheme that loadlab speaks; it speaks http, https, ws, wss, tcp, tls"),
        ("wsss://x/", "'wsss://' is no scheme that loadlab speaks; did you mean 'wss'?"),
        ("tcp://localhost", "'tcp://localhost' names no port; write it like tcp://localhost:6379"),
        ("tcp://localhost:1/a", "'tcp://localhost:1/a': the path '/a' means nothing over tcp://"),
        ("tls://me:secret@localhost:1", "'tls://localhost:1': the user before the @ means nothing over tls://"),
        ("http:/localhost", "'http:/localhost' is no URL; write it like http://localhost:8000/"),
        ("https", "'https' is no URL; write it like https://localhost:8000/"),
        ("http://", "names no host"),
        ("", "names no host"),
        ("http://:80/", "names no host"),
        ("http://localhost:0/", "the port must be a number from 1 to 65535, not '0'"),
        ("http://localhost:65536/", "the port must be a number from 1 to 65535, not '65536'"),
        ("http://localhost:8o/", "the port must be a number from 1 to 65535, not '8o'"),
        ("http://::1:80/", "write an IPv6 address in brackets, like http://[::1]:8000/"),
        ("http://[::1/", "'[:' is neither a host name nor an IP address"),
        ("http://a..b/", "'a..b' is neither a host name nor an IP address"),
        ("http://300.1.1.1/", "'300.1.1.1' is neither a host name nor an IP address"),
        ("http://local host/", "'local host' is neither a host name nor an IP address"),
        ("http://localhost/a\nb", "the URL contains the character U+000A; write it percent-encoded"),
    ],
)
def test_a_url_that_cannot_be_measured_says_why(text: str, message: str) -> None:
    with pytest.raises(LoadlabError) as raised:
        parse_url(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "protocol", "over_tls", "port", "shown"),
    [
        ("ws://localhost/chat?room=1", "websocket", False, 80, "ws://localhost/chat?room=1"),
        ("wss://localhost:443", "websocket", True, 443, "wss://localhost/"),
        ("tcp://localhost:6379", "tcp", False, 6379, "tcp://localhost:6379"),
        ("TLS://[::1]:6380/", "tcp", True, 6380, "tls://[::1]:6380"),
    ],
)
def test_a_scheme_says_what_is_spoken(text: str, protocol: str, over_tls: bool, port: int, shown: str) -> None:
    url = parse_url(text)
    assert (url.protocol, url.over_tls, url.address.port, str(url)) == (protocol, over_tls, port, shown)


def test_over_a_unix_socket_plain_tcp_needs_no_port() -> None:
    assert str(parse_url("tcp://localhost", over_socket=True)) == "tcp://localhost"


def test_a_fragment_is_not_sent() -> None:
    url = parse_url("http://localhost/a?b#top")
    assert url.path == "/a?b"
    assert url.notes == ("'#top' is not sent: a fragment is for browsers only",)


def test_credentials_become_a_header_and_are_nowhere_else() -> None:
    url = parse_url("http://jo%40x:s:ecret@localhost/a")
    assert url.authorization == "Basic am9AeDpzOmVjcmV0"
    assert str(url) == "http://localhost/a"


def test_credentials_are_not_in_a_complaint() -> None:
    with pytest.raises(LoadlabError) as raised:
        parse_url("http://jo:secret@localhost:8o/")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("localhost:8000", "http://localhost:8000/"),
        ("http://localhost:80/a", "http://localhost/a"),
        ("https://[::1]:443/", "https://[::1]/"),
        ("https://localhost:80/", "https://localhost:80/"),
    ],
)
def test_a_url_is_shown_whole_and_without_the_usual_port(text: str, shown: str) -> None:
    assert str(parse_url(text)) == shown


@pytest.mark.parametrize(
    ("written", "measured"), [("http://0.0.0.0:8000/a", "127.0.0.1:8000"), ("https://[::]/", "[::1]:443")]
)
def test_all_addresses_as_servers_print_them_stand_for_this_machine(written: str, measured: str) -> None:
    url = parse_url(written)
    assert format_address(url.address) == measured
    assert [note.partition(";")[2] for note in url.notes] == [f" {measured.rpartition(':')[0]} is measured"]


def test_an_address_that_begins_alike_is_left_alone() -> None:
    assert parse_url("http://0.0.0.0.example.org:80/").host == "0.0.0.0.example.org"
