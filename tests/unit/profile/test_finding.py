"""The profile that a user means: a file, one that ships, or what to write instead."""

import shlex
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.profile.finding import find_profile


def test_a_file_goes_before_a_profile_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_profile("node").name == "node.yaml"
    (tmp_path / "node").write_text("name: x")
    assert find_profile("node") == Path("node")
    assert find_profile("x" * 300 + ".yaml") == Path("x" * 300 + ".yaml")
    assert find_profile("none.yaml") == Path("none.yaml")  # reading it reports that it is not there


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("selct-vs-epoll", "selct-vs-epoll: neither a file nor a profile that ships; did you mean 'select-vs-epoll'?"),
        ("select", "select: neither a file nor a profile that ships; did you mean 'select-vs-epoll'?"),
        ("apache", "apache: neither a file nor a profile that ships; `loadlab profiles` lists those that ship"),
        ("profiles/node.yaml", "profiles/node.yaml: there is no such file; did you mean 'node', which ships"),
        ("ftp://localhost/", "ftp://localhost/: ftp cannot be measured, only http, https, ws, wss, tcp, tls"),
        (
            "ws://localhost/a",
            "ws://localhost/a: is no profile; measure it by itself with `loadlab hit ws://localhost/a`",
        ),
        ("http://a&b/", "http://a&b/: 'a&b:80' is not a host and a port"),
    ],
)
def test_what_is_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadlabError) as caught:
        find_profile(name)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://localhost:8080/api?x=1", "--set target.address=localhost:8080 --set 'load.path=/api?x=1'"),
        ("http://localhost", "--set target.address=localhost:80 --set load.path=/"),
        ("https://localhost/", "--set target.address=localhost:443 --set load.path=/ --set 'target.tls={}'"),
        ("127.0.0.1:8080", "--set target.address=127.0.0.1:8080 --set load.path=/"),
        ("unix:/run/app.sock", "--set target.address=unix:/run/app.sock --set load.path=/"),
        ("http://[::1]:8080/a", "--set 'target.address=\"[::1]:8080\"' --set load.path=/a"),
    ],
)
def test_an_address_is_pointed_to_the_setting_for_it(url: str, options: str) -> None:
    with pytest.raises(LoadlabError) as caught:
        find_profile(url)
    command = f"loadlab run select-vs-epoll {options}"
    by_itself = f"measure it by itself with `loadlab hit {shlex.quote(url)}`, or " if "://" in url else ""
    assert str(caught.value) == f"{url}: {by_itself}name a profile, and set the address in it: {command}"
