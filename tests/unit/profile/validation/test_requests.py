"""Requests of a load: what fits together, which columns there are, and the files that are named."""

from pathlib import Path

import pytest

from loadlab.profile import LoadProfile, plan_trials

from ..reading import find_mistakes, read_load_profile

HEAD = "name: x\ntarget: {server: epoll}\nload:\n  connections: 1\n  duration: 1s\n"
USERS = "id,token,name\n1,abc,Ann\n2,def,Zoë\n"


def profile_of(folder: Path, added: str, *overrides: str) -> LoadProfile:
    (folder / "users.csv").write_text(USERS)
    return read_load_profile(folder, HEAD + added, *overrides)


def mistakes(folder: Path, added: str, *overrides: str) -> list[str]:
    (folder / "users.csv").write_text(USERS)
    (folder / "picture.jpg").write_bytes(b"\xff\xd8")
    return [line.replace(f"{folder}/", "") for line in find_mistakes(folder, HEAD + added, *overrides)]


def test_a_request_with_everything(tmp_path: Path) -> None:
    profile = profile_of(
        tmp_path,
        """\
  request:
    method: PUT
    path: /users/{{id}}/items?limit=20
    headers: {Authorization: "Bearer {{token}}", X-Count: 5}
    json: {name: "{{name}}", n: 3, tags: [a, "{{id}}", null, true]}
    expect: {status: 2xx, body: '"ok":true', header: {Content-Type: application/json}}
  data: {file: users.csv, order: random}
""",
    )
    (request,) = profile.requests
    assert (request.method, request.path) == ("PUT", "/users/{{id}}/items?limit=20")
    assert request.headers == {"Authorization": "Bearer {{token}}", "X-Count": "5"}
    assert request.json_value == {"name": "{{name}}", "n": 3, "tags": ["a", "{{id}}", None, True]}
    assert request.expected_statuses == frozenset(range(200, 300))
    assert request.expect
    assert (request.expect.body, request.expect.header) == ('"ok":true', {"Content-Type": "application/json"})
    assert profile.load.data
    assert (profile.load.data.file, profile.load.data.order) == (str(tmp_path / "users.csv"), "random")
    assert LoadProfile.model_validate(profile.model_dump(mode="json", by_alias=True)) == profile


@pytest.mark.parametrize(
    ("written", "method", "path"),
    [
        ("{}", "GET", "/hello"),
        ("{path: /a}", "GET", "/a"),
        ("{body: ''}", "POST", "/hello"),
        ("{json: {a: 1}}", "POST", "/hello"),
        ("{method: PATCH, body: x}", "PATCH", "/hello"),
        ("{method: GET, body: x}", "GET", "/hello"),
        ("{method: PURGE, path: '/ä b'}", "PURGE", "/%C3%A4%20b"),
    ],
)
def test_what_is_not_said_of_a_request(tmp_path: Path, written: str, method: str, path: str) -> None:
    (request,) = profile_of(tmp_path, f"  request: {written}\n").requests
    assert (request.method, request.path, request.weight) == (method, path, 1)


def test_requests_of_a_mix_have_all_keys(tmp_path: Path) -> None:
    profile = profile_of(
        tmp_path,
        """\
  mix:
    - {path: "/users/{{id}}", weight: 3}
    - {path: /users, method: POST, json: {id: "{{id}}"}, name: new, expect: {status: 201}}
    - {path: /gone, expect_status: 404}
  data: {file: users.csv}
""",
    )
    assert [(request.name, request.method, sorted(request.expected_statuses)[:1]) for request in profile.requests] == [
        ("users/{{id}}", "GET", [200]),
        ("new", "POST", [201]),
        ("gone", "GET", [404]),
    ]


@pytest.mark.parametrize(
    ("sweep", "found"),
    [
        ("{load.request.path: [/a, /b]}", {("GET", "/a", None), ("GET", "/b", None)}),
        ("{load.request.body: [x, '{{id}}']}", {("POST", "/hello", "x"), ("POST", "/hello", "{{id}}")}),
        ("{load.request.method: [PUT, DELETE]}", {("PUT", "/hello", None), ("DELETE", "/hello", None)}),
    ],
)
def test_settings_of_the_request_may_be_swept(
    tmp_path: Path, sweep: str, found: set[tuple[str, str, str | None]]
) -> None:
    data = "  data: {file: users.csv}\n" if "{{" in sweep else ""
    trials = plan_trials(profile_of(tmp_path, f"{data}sweep: {sweep}\n"), seed=1)
    requests = [each.profile.requests[0] for each in trials if isinstance(each.profile, LoadProfile)]
    assert {(request.method, request.path, request.body) for request in requests} == found


def test_a_header_may_be_swept(tmp_path: Path) -> None:
    swept = "sweep: {load.request.headers.Accept-Encoding: [gzip, identity]}\n"
    trials = plan_trials(profile_of(tmp_path, swept), seed=1)
    assert {trial.factors["load.request.headers.Accept-Encoding"] for trial in trials} == {"gzip", "identity"}
    headers = [each.profile.requests[0].headers for each in trials if isinstance(each.profile, LoadProfile)]
    assert sorted(header["Accept-Encoding"] for header in headers) == ["gzip", "identity"]
    (line,) = mistakes(tmp_path, "sweep: {load.request.headers.Accept: [5, 'a\\nb']}\n".replace("'", '"'))
    assert line.startswith(r"x.yaml:6:42: sweep.load.request.headers.Accept: 'a\nb' contains the character U+000A")


def test_files_lie_in_the_directory_of_the_profile_and_those_set_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "picture.jpg").write_bytes(b"here")
    (tmp_path / "elsewhere/picture.jpg").write_bytes(b"there")
    monkeypatch.chdir(tmp_path / "elsewhere")
    written = "  request: {file: picture.jpg}\n"
    assert profile_of(tmp_path, written).requests[0].file == str(tmp_path / "picture.jpg")
    set_here = profile_of(tmp_path, written, "load.request.file=picture.jpg")
    assert set_here.requests[0].file == str(tmp_path / "elsewhere/picture.jpg")
    swept = profile_of(tmp_path, "sweep: {load.request.file: [picture.jpg, elsewhere/picture.jpg]}\n")
    assert swept.sweep["load.request.file"] == (
        str(tmp_path / "picture.jpg"),
        str(tmp_path / "elsewhere/picture.jpg"),
    )
    mixed = profile_of(tmp_path, "  mix: [{path: /a, file: picture.jpg}]\n")
    assert mixed.requests[0].file == str(tmp_path / "picture.jpg")


@pytest.mark.parametrize(
    ("added", "reported"),
    [
        (
            "  path: /a\n  request: {path: /b}\n",
            "x.yaml:6:3: load.path: cannot be combined with load.request; write path in it instead",
        ),
        (
            "  expect_status: 404\n  request: {path: /b}\n",
            "x.yaml:6:3: load.expect_status: cannot be combined with load.request; write expect: {status: ...} in it "
            "instead",
        ),
        (
            "  request: {path: /b}\n  mix: [{path: /a}]\n",
            "x.yaml:6:3: load.request: has no effect with load.mix; remove one of the two",
        ),
        (
            "  mix: [{path: /a}]\nsweep: {load.request.method: [GET, PUT]}\n",
            "x.yaml:7:9: sweep.load.request.method: has no effect with load.mix; remove one of the two",
        ),
        (
            "  request: {json: {a: 1}, body: x}\n",
            "x.yaml:6:27: load.request.body: cannot be combined with json, as a request has one body; remove one of "
            "the two",
        ),
        (
            "  mix: [{path: /a, file: picture.jpg, body: x}]\n",
            "x.yaml:6:20: load.mix.file: cannot be combined with body",
        ),
        (
            "  request: {json: {a: 1}}\nsweep: {load.request.file: [picture.jpg]}\n",
            "x.yaml:7:29: sweep.load.request.file: cannot be combined with json",
        ),
        (
            "  mix: [{path: /a, expect: {status: 201}, expect_status: 200}]\n",
            "x.yaml:6:43: load.mix.expect_status: cannot be combined with expect: {status: ...}; remove one of the two",
        ),
        ("  request: {method: post}\n", "x.yaml:6:21: load.request.method: must be in capitals, as methods are case-"),
        ("  request: {method: 'A B'}\n", "x.yaml:6:21: load.request.method: must be a method such as GET or POST, not"),
        ("  request: {method: CONNECT}\n", "x.yaml:6:21: load.request.method: CONNECT opens a tunnel, which cannot be"),
        (
            '  request: {headers: {"X Y": 1}}\n',
            "x.yaml:6:23: load.request.headers.X Y: must be the name of a header, of letters, digits and -, not 'X Y'",
        ),
        ("  request: {headers: {'A:': 1}}\n", "x.yaml:6:23: load.request.headers.A:: must be the name of a header"),
        (
            "  request: {headers: {Transfer-Encoding: chunked}}\n",
            "x.yaml:6:23: load.request.headers.Transfer-Encoding: cannot be set: requests are sent with Content-Length",
        ),
        (
            '  request: {headers: {A: "x\\r\\nB: y"}}\n',
            r"x.yaml:6:26: load.request.headers.A: 'x\r\nB: y' contains the character U+000D, which no header may",
        ),
        ("  request: {headers: {A: 1.5}}\n", "x.yaml:6:26: load.request.headers.A: must be text, not 1.5; put it in"),
        ("  request: {headers: {A: true}}\n", "x.yaml:6:26: load.request.headers.A: must be text, not true; put it in"),
        ("  request: {headers: {A: }}\n", "x.yaml:6:25: load.request.headers.A: must be text, not an empty value"),
        ("  request: {headers: [A]}\n", "x.yaml:6:22: load.request.headers: must be a mapping, not a list"),
        (
            "  request: {headers: {Accept: a, accept: b}}\n",
            "x.yaml:6:34: load.request.headers.accept: repeats the header 'Accept'; join their values with a comma",
        ),
        ("  headers: {A: b}\n", "x.yaml:6:3: load.headers: unknown key; did you mean 'request.headers'?"),
        ("  body: x\n", "x.yaml:6:3: load.body: unknown key; did you mean 'load.request.body'?"),
        ("  request: {expect: {body: ''}}\n", "x.yaml:6:28: load.request.expect.body: must not be empty"),
        (
            "  request: {expect: {status: ok}}\n",
            "x.yaml:6:30: load.request.expect.status: must be a status such as 200",
        ),
        ("  request: {path: b}\n", "x.yaml:6:19: load.request.path: must be a request path that starts with /"),
        ("  request: {path: /b#c}\n", "x.yaml:6:19: load.request.path: '#c' is a fragment"),
        ("  connection: close\n", "x.yaml:6:15: load.connection: must be 'keep-alive' or 'per-request', not 'close'"),
        ("  data: {file: users.csv, order: any}\n", "x.yaml:6:34: load.data.order: must be 'sequential' or 'random'"),
        ("allow_remote: [a b]\n", "x.yaml:6:16: allow_remote: must be the name or IP address of a host"),
        ("allow_remote: ['a:80']\n", "x.yaml:6:16: allow_remote: must be the name or IP address of a host, such as "),
        ("allow_remote: ['ü..de']\n", "x.yaml:6:16: allow_remote: must be the name or IP address of a host, such as "),
        ("allow_remote: a\n", "x.yaml:6:15: allow_remote: must be a list, not 'a'"),
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, added: str, reported: str) -> None:
    assert any(line.startswith(reported) for line in mistakes(tmp_path, added))


def test_hosts_are_compared_in_their_usual_form(tmp_path: Path) -> None:
    hosts = 'allow_remote: [Staging.Internal, 10.0.0.1, "[FD00::1]", Bücher.de]\n'
    allowed = profile_of(tmp_path, hosts).allow_remote
    assert allowed == ("staging.internal", "10.0.0.1", "fd00::1", "xn--bcher-kva.de")


@pytest.mark.parametrize(
    ("request_", "reported"),
    [
        (
            '{path: "/{{ID}}"}',
            "x.yaml:6:19: load.request.path: {{ID}} names no column of users.csv; did you mean 'id'?",
        ),
        (
            '{headers: {A: "{{x}}"}}',
            "x.yaml:6:26: load.request.headers.A: {{x}} names no column of users.csv; there are 'id', 'token' and",
        ),
        ('{body: "{{x}}"}', "x.yaml:6:19: load.request.body: {{x}} names no column of users.csv"),
        ('{json: [1, {a: "{{x}}"}]}', "x.yaml:6:27: load.request.json.a: {{x}} names no column of users.csv"),
        ('{json: {"{{x}}": 1}}', "x.yaml:6:20: load.request.json.{{x}}: {{x}} names no column of users.csv"),
        ('{path: "/{{id}"}', "x.yaml:6:19: load.request.path: '{{' begins the name of a column, and needs '}}' behind"),
        ('{body: "{{}}"}', "x.yaml:6:19: load.request.body: {{}} names no column; write {{id}} for the column id of"),
        ('{json: {a: "{{"}}', "x.yaml:6:19: load.request.json: '{{' begins the name of a column"),
        ('{path: "/{{id}}", expect: {body: "{{id}}"}}', "x.yaml:6:45: load.request.expect.body: {{id}} cannot stand"),
        ('{path: "{{name}}"}', "x.yaml:7:16: load.data.file: users.csv:2: 'Ann' is no request path; one starts with /"),
        ("{path: /a}", "x.yaml:7:3: load.data: has no effect, as no request names one of its columns; write one as"),
    ],
)
def test_columns_that_cannot_be_filled_in(tmp_path: Path, request_: str, reported: str) -> None:
    (line,) = mistakes(tmp_path, f"  request: {request_}\n  data: {{file: users.csv}}\n")
    assert line.startswith(reported)


@pytest.mark.parametrize("place", ['path: "/{{id}}"', 'request: {path: "/{{id}}"}', 'mix: [{path: "/{{id}}"}]'])
def test_a_column_needs_data(tmp_path: Path, place: str) -> None:
    (line,) = mistakes(tmp_path, f"  {place}\n")
    assert line.endswith("path: {{id}} names a column, but there are no data; set load.data: {file: users.csv}")
    assert profile_of(tmp_path, f"  {place}\n  data: {{file: users.csv}}\n").load.data


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b"", "users.csv is empty; its first line must name the columns, such as id,name"),
        (b"\n\n", "users.csv is empty; its first line must name the columns, such as id,name"),
        (b"id\n", "users.csv has no rows; it needs at least one below the line that names the columns"),
        (b"id,id\n1,2\n", "users.csv:1: names the column 'id' twice"),
        (b"id,\n1,2\n", "users.csv:1: column 2 has no name; the first line must name all columns"),
        (b"id,a{b\n1,2\n", "users.csv:1: 'a{b' cannot name a column; use letters and digits"),
        (b"id\n1\n2,3\n", "users.csv:3: has 2 values, where the first line names 1 column"),
        (b"id,b\n1,2\n\n3\n", "users.csv:4: has 1 value, where the first line names 2 columns"),
        (b"id\n1\n\xff\n", "users.csv:3: not UTF-8 text; save the file as UTF-8"),
        ("id\n1\n".encode("utf-16"), "users.csv:1: not UTF-8 text; save the file as UTF-8"),
        (b'id\n"1\n', "users.csv:2: not valid CSV: unexpected end of data"),
        (b'id\n"1"2\n', "users.csv:2: not valid CSV: "),
        (b"id\n" + b"x" * 200_000, "users.csv:2: not valid CSV: field larger than field limit (131072)"),
    ],
)
def test_data_that_cannot_be_read(tmp_path: Path, content: bytes, reported: str) -> None:
    (tmp_path / "users.csv").write_bytes(content)
    text = HEAD + '  path: "/{{id}}"\n  data: {file: users.csv}\n'
    (line,) = (each.replace(f"{tmp_path}/", "") for each in find_mistakes(tmp_path, text))
    assert line.startswith(f"x.yaml:7:16: load.data.file: {reported}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    data = '  path: "/{{id}}"\n  data: {file: none.csv}\n'
    assert mistakes(tmp_path, data) == [
        "x.yaml:7:16: load.data.file: none.csv cannot be read: No such file or directory"
    ]
    body = "  request: {file: none.jpg}\n"
    assert mistakes(tmp_path, body) == [
        "x.yaml:6:19: load.request.file: none.jpg cannot be read: No such file or directory"
    ]
    (tmp_path / "folder").mkdir()
    assert mistakes(tmp_path, "  request: {file: folder}\n") == [
        "x.yaml:6:19: load.request.file: folder is not a regular file"
    ]


def test_a_file_of_100_megabytes_cannot_be_a_body(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100_000_000)
    (line,) = mistakes(tmp_path, "  request: {file: large}\n")
    assert line == (
        "x.yaml:6:19: load.request.file: large is too large with 95 MiB: all requests are prepared before the load "
        "begins, in at most 64 MiB; use a smaller file"
    )


def test_a_body_for_each_row_must_fit_into_memory(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(bytes(50_000_000))
    (line,) = mistakes(tmp_path, '  request: {path: "/{{id}}", file: body}\n  data: {file: users.csv}\n')
    assert line == (
        "x.yaml:7:16: load.data.file: makes requests of 95.4 MiB, one for each of 2 rows; they are prepared before the "
        "load begins, in at most 64 MiB: use fewer rows or smaller bodies"
    )


def test_the_bodies_of_a_mix_must_fit_into_memory_together(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(bytes(40_000_000))
    (line,) = mistakes(tmp_path, "  mix: [{path: /a, file: body}, {path: /b, file: body}]\n")
    assert line == (
        "x.yaml:6:9: load.mix: makes requests of 76.3 MiB; they are prepared before the load begins, in at most 64 "
        "MiB: use smaller bodies"
    )


def test_more_than_a_million_rows_are_too_many(tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_bytes(b"id\n" + b"1\n" * 1_000_001)
    (line,) = mistakes(tmp_path, '  path: "/{{id}}"\n  data: {file: many.csv}\n')
    assert line == "x.yaml:7:16: load.data.file: many.csv has more than 1,000,000 rows; keep a random sample of them"


@pytest.mark.parametrize(
    ("value", "reported"),
    [
        ('"a\nb"', "users.csv:3: has the character U+000A in the column token, which no header may"),
        ("a\x00b", "users.csv:2: has the character U+0000 in the column token, which no header may"),
    ],
)
def test_a_value_that_cannot_stand_in_a_header(tmp_path: Path, value: str, reported: str) -> None:
    (tmp_path / "users.csv").write_text(f"token\n{value}\n")
    text = HEAD + '  request: {headers: {Authorization: "Bearer {{token}}"}}\n  data: {file: users.csv}\n'
    (line,) = find_mistakes(tmp_path, text)
    assert line == f"x.yaml:7:16: load.data.file: {reported}"


def test_every_data_file_of_a_sweep_has_the_columns(tmp_path: Path) -> None:
    (tmp_path / "others.csv").write_text("other\n1\n")
    swept = '  path: "/{{id}}"\n  data: {file: users.csv}\nsweep: {load.data.file: [users.csv, others.csv]}\n'
    assert mistakes(tmp_path, swept) == [
        "x.yaml:6:9: load.path: {{id}} names no column of others.csv; there are 'other'"
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes("\ufeffid;x , token\r\n1,2\r\n\r\n".encode())
    text = HEAD + '  request: {path: "/{{ id;x }}", body: "{{token}}"}\n  data: {file: users.csv}\n'
    assert read_load_profile(tmp_path, text).load.data
