"""From the options of `hit` to a profile, and the profile saved: it means the same when it is read again."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from loadlab import targets
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.profile import make_profile
from loadlab.cli.hit.saved import format_profile, save_profile
from loadlab.errors import LoadlabError, ProfileError
from loadlab.profile import LoadProfile, load_profile

URL = "http://localhost:8000/items?page=2"


def profile_of(url: str = URL, **options: Any) -> LoadProfile:  # noqa: ANN401 - any option
    return make_profile(HitOptions(url, **options)).profile


def mistakes_of(url: str = URL, **options: Any) -> list[str]:  # noqa: ANN401 - any option
    with pytest.raises(ProfileError) as raised:
        make_profile(HitOptions(url, **options))
    return raised.value.mistakes


def test_a_url_alone_is_measured_for_ten_seconds_with_fifty_connections() -> None:
    profile = profile_of()
    load, request = profile.load, profile.requests[0]
    assert (profile.name, profile.target.address) == ("hit-localhost-8000", "localhost:8000")
    assert (load.connections, load.duration_ns, load.warmup_ns, load.rate) == (50, 10_000_000_000, 500_000_000, None)
    assert (request.method, request.path, request.has_body) == ("GET", "/items?page=2", False)
    assert request.expected_statuses == frozenset(range(200, 400))


def test_numbers_and_times_are_read_as_in_a_profile() -> None:
    load = profile_of(connections="1_000", duration="1m30s", rate="5k", poisson=True, idle="10k", timeout="2s").load
    assert (load.connections, load.duration_ns, load.rate, load.arrivals) == (1000, 90_000_000_000, 5000, "poisson")
    assert (load.idle, load.timeout_ns) == (10_000, 2_000_000_000)


def test_a_number_of_requests_has_no_warmup_unless_it_is_asked_for() -> None:
    load = profile_of(requests="20k").load
    assert (load.request_count, load.warmup_ns) == (20_000, 0)
    assert profile_of(requests="20k", warmup="1s").load.warmup_ns == 1_000_000_000


@pytest.mark.parametrize(("requests", "rate", "expected_ns"), [("20k", "5k", 4_000_000_000), ("1", "3", 333_333_334)])
def test_a_number_of_requests_at_a_rate_is_a_duration(requests: str, rate: str, expected_ns: int) -> None:
    load = profile_of(requests=requests, rate=rate).load
    assert (load.request_count, load.duration_ns) == (None, expected_ns)


def test_headers_are_written_as_for_curl() -> None:
    headers = profile_of(headers=("Accept: text/html", "X-Empty;", "X-Colons:a:b")).requests[0].headers
    assert headers == {"Accept": "text/html", "X-Empty": "", "X-Colons": "a:b"}


@pytest.mark.parametrize(
    ("data", "content_type"),
    [('{"a": 1}', "application/json"), ("[1]", "application/json"), ("a=1", "application/x-www-form-urlencoded")],
)
def test_a_body_makes_it_a_post_of_the_type_that_it_looks_like(data: str, content_type: str) -> None:
    request = profile_of(data=data).requests[0]
    assert (request.method, request.body, request.headers) == ("POST", data, {"Content-Type": content_type})


def test_a_given_method_and_type_are_kept() -> None:
    request = profile_of(data="{}", method="put", headers=("content-type: text/plain",)).requests[0]
    assert (request.method, request.headers) == ("PUT", {"content-type": "text/plain"})


@pytest.mark.parametrize("options", [{"data_file": "new.json"}, {"data": "@new.json"}])
def test_a_body_can_be_a_file(options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.json").write_text('{"a": "{{b}}"}')
    request = profile_of(**options).requests[0]
    assert (request.file, request.method) == (str(tmp_path / "new.json"), "POST")
    assert request.headers == {"Content-Type": "application/json"}


def test_credentials_of_the_url_are_a_header_unless_that_is_given() -> None:
    url = "http://jo:secret@localhost/"
    assert profile_of(url).requests[0].headers == {"Authorization": "Basic am86c2VjcmV0"}
    assert profile_of(url, headers=("authorization: Bearer x",)).requests[0].headers == {"authorization": "Bearer x"}


def test_tls_is_as_curl_has_it() -> None:
    tls = profile_of("https://localhost/", insecure=True, server_name="app.internal").target.tls
    assert tls is not None
    assert (tls.verify, tls.server_name) == (False, "app.internal")
    plain = profile_of("https://localhost/").target
    assert plain.tls is not None
    assert (plain.address, plain.tls.verify) == ("localhost:443", True)
    assert profile_of().target.tls is None


def test_a_unix_socket_is_connected_to_and_the_host_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    profile = profile_of("http://app.internal/a", unix_socket="app.sock")
    assert profile.target.address == f"unix:{tmp_path}/app.sock"
    assert profile.requests[0].headers == {"Host": "app.internal"}


def test_statuses_probes_repeats_and_hosts_are_passed_on() -> None:
    profile = profile_of(
        expect="201, 4xx", probes="procfs,syscalls", repeat="5", allow_remote=("staging.internal",),
        disable_keepalive=True,
    )  # fmt: skip
    assert profile.requests[0].expected_statuses == {201, *range(400, 500)}
    assert (profile.probes, profile.repeat) == (("procfs", "syscalls"), 5)
    assert profile.allow_remote == ("staging.internal",)
    assert profile.load.connection == "per-request"
    assert profile_of(probes="all").probes == ("procfs", "sockets", "syscalls", "cpu")


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"connections": "0"}, "-c 0: must be at least 1, not 0"),
        ({"duration": "10"}, "-z 10: '10' has no unit; write 10s or 10ms"),
        ({"rate": "0"}, "-q 0: must be at least 1, not 0"),
        ({"requests": "0"}, "-n 0: must be at least 1, not 0"),
        ({"requests": "0", "rate": "5"}, "-n 0: must be at least 1"),
        ({"requests": "many", "rate": "5"}, "-n many: 'many' is not a count; write it like 500, 20k or 1M"),
        ({"requests": "5", "duration": "1s"}, "-n and -z exclude one another: -n sends so many requests, however long"),
        ({"data": "a", "data_file": "b"}, "-d and -D are both the body of the request; remove one of them"),
        ({"data_file": "-"}, "-D: name a file; standard input cannot be sent again and again"),
        ({"data_file": "missing"}, "missing cannot be read: No such file or directory"),
        ({"data": "{{a}}"}, "-d: '{{' stands for a column of data in a profile; put the body in a file (-D)"),
        ({"headers": ("foo",)}, "-H 'foo': write a header like 'Accept: application/json'"),
        ({"headers": (": x",)}, "-H ': x': write a header like 'Accept: application/json'"),
        ({"headers": ("a: x", "A: y")}, "-H: a header is given twice; join its values with a comma"),
        ({"headers": ("a: {{x}}",)}, "-H a: '{{' stands for a column of data in a profile; use one, with load.data"),
        ({"headers": ("a: x\r\nb: y",)}, "-H a: 'x\\r\\nb: y' contains the character U+000D, which no header may"),
        ({"headers": ("Transfer-Encoding: chunked",)}, "-H Transfer-Encoding: cannot be set: "),
        ({"method": "CONNECT"}, "-m CONNECT: CONNECT opens a tunnel, which cannot be measured; use another method"),
        ({"expect": "2x"}, "--expect 2x: must be a status such as 200, a class such as 2xx"),
        ({"probes": "magic"}, "--probes magic: must be all, or a list of procfs"),
        ({"poisson": True}, "--poisson needs a rate, -q"),
        ({"insecure": True}, "-k has no effect on http://; write https://"),
        ({"repeat": "x"}, "--repeat x: must be a whole number"),
        ({"idle_protocol": "http"}, "--idle-protocol needs --idle, the number of idle connections"),
        ({"idle_path": "/x"}, "--idle-path needs --idle, the number of idle connections"),
        ({"idle": "5", "idle_protocol": "ws"}, "--idle-protocol ws: must be 'tcp', 'http', 'websocket' or 'events'"),
        ({"message": "x"}, "--message is for ws:// and wss://, tcp:// and tls://; the body of a request is -d"),
        ({"until": "x"}, "--until is for tcp:// and tls://, not for http://"),
        ({"matches": "x"}, "--matches is for ws:// and wss://, not for http://"),
        ({"events": True, "stream": True}, "--events and --stream exclude one another"),
        ({"events": True, "rate": "5"}, "-q has no effect with --events: each connection reads its stream"),
        ({"allow_remote": ("a b",)}, "--allow-remote: must be "),
    ],
)
def test_a_mistake_names_its_option(options: dict[str, Any], mistake: str) -> None:
    (found,) = mistakes_of(**options)
    assert mistake in found


def test_all_mistakes_are_reported_at_once() -> None:
    assert len(mistakes_of(connections="0", duration="10", idle="x")) == 3


def test_options_of_tls_that_contradict_one_another() -> None:
    (without,) = mistakes_of("https://localhost/", key="a.pem")
    assert without == "--key needs --cert, the certificate that it belongs to"
    (both,) = mistakes_of("https://localhost/", insecure=True, cacert="a.pem")
    assert both == "-k and --cacert exclude one another: -k verifies nothing"


SAVED: list[dict[str, Any]] = [
    {},
    {"requests": "20000"},
    {"rate": "5k", "poisson": True, "idle": "1k", "disable_keepalive": True, "repeat": "3", "probes": "all"},
    {
        "headers": (
            "X-Odd: true",
            "X-Number: 010",
            'X-Quotes: "it\'s"',
            "X-Hash: a # b",
            "X-Umlaut: straße",
            "X-Tab: a\tb",
        )
    },
    {"data": '{"a": "line\\nbreak", "b": [1, 2]}', "method": "PATCH"},
    {"data": "two\nlines: # not a comment\n\x7f\u2028"},
    {"data": ""},
    {"expect": "200,4xx", "allow_remote": ("::1", "staging.internal")},
    {"stream": True, "idle": "1k", "idle_protocol": "http", "idle_path": "/hello"},
    {"events": True, "headers": ("Authorization: Bearer x",)},
]


@pytest.mark.parametrize("options", SAVED)
@pytest.mark.parametrize("url", [URL, "http://127.0.0.1/a: b #c", "https://[::1]:8443/-?&*!{{x}}"])
def test_a_saved_profile_means_the_same(url: str, options: dict[str, Any], tmp_path: Path) -> None:
    made = make_profile(HitOptions(url, **options))
    path = tmp_path / "my.yaml"
    save_profile(made.data, path)
    assert load_profile(path, servers=targets.catalog()).profile == made.profile


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ws://localhost:8000/chat", {}),
        ("ws://localhost:8000/chat", {"message": '{"a": "b\\n"}', "answer": "3", "subprotocol": "chat.v2"}),
        ("wss://jo:x@localhost:8000/", {"matches": "^ok [0-9]+$", "headers": ("X: y",), "idle": "20k"}),
        ("tcp://localhost:6379", {"message": "PING\\r\\n", "until": "\\r\\n", "rate": "1k"}),
        ("tls://localhost:6379", {"message": "\\x00\\x7f\\\\", "echo": True, "greeting": "220 \\r\\n"}),
        ("tcp://localhost:25", {"until": "\\n"}),
    ],
)
def test_a_saved_profile_of_messages_means_the_same(url: str, options: dict[str, Any], tmp_path: Path) -> None:
    made = make_profile(HitOptions(url, **options))
    save_profile(made.data, tmp_path / "my.yaml")
    assert load_profile(tmp_path / "my.yaml", servers=targets.catalog()).profile == made.profile


def test_a_saved_profile_is_commented() -> None:
    made = make_profile(HitOptions(URL, rate="5k"))
    assert format_profile(made.data, Path()).splitlines()[:10] == [
        "# As `loadlab hit` measured it. Run it with `loadlab run FILE`; docs/profile.md has all keys.",
        "name: hit-localhost-8000",
        "about: http://localhost:8000/items?page=2",
        "target:",
        '  address: localhost:8000     # a command would start it: command: [./server, --port, "{port}"]',
        "load:",
        "  connections: 50             # each sends its next request when its response has arrived",
        "  rate: 5k                    # requests per second, sent whether or not responses have arrived",
        "  warmup: 500ms               # load before the measurement, not counted",
        "  duration: 10s",
    ]


def test_a_long_body_is_saved_beside_the_profile(tmp_path: Path) -> None:
    made = make_profile(HitOptions(URL, data="é" * 5000))
    save_profile(made.data, tmp_path / "my.yaml")
    loaded = load_profile(tmp_path / "my.yaml").profile
    assert isinstance(loaded, LoadProfile)
    assert loaded.requests[0].file == str(tmp_path / "my.body")
    assert (tmp_path / "my.body").read_text() == "é" * 5000


def test_files_below_the_profile_are_named_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text("{}")
    made = make_profile(HitOptions(URL, data_file=str(tmp_path / "new.json")))
    save_profile(made.data, tmp_path / "my.yaml")
    assert "file: new.json\n" in (tmp_path / "my.yaml").read_text()
    assert load_profile(tmp_path / "my.yaml").profile == made.profile


def test_a_profile_with_credentials_is_for_its_owner_only(tmp_path: Path) -> None:
    save_profile(make_profile(HitOptions("http://jo:secret@localhost/")).data, tmp_path / "my.yaml")
    assert stat.S_IMODE(os.stat(tmp_path / "my.yaml").st_mode) == 0o600


def test_a_profile_that_differs_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    data = make_profile(HitOptions(URL)).data
    save_profile(data, path)
    save_profile(data, path)
    path.write_text("mine")
    with pytest.raises(LoadlabError, match="exists already; name another file with --save-profile, or remove it"):
        save_profile(data, path)
    assert path.read_text() == "mine"
