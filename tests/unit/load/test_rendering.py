"""Requests rendered to bytes: their head and body, and the values of rows in every place where a column may stand."""

import json
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from loadlab import __version__
from loadlab.errors import ProfileError
from loadlab.load.rendering import RenderedKind, render_messages, render_requests
from loadlab.profile.files import Table, read_table
from loadlab.profile.message import MixedMessage
from loadlab.profile.request import MixedRequest
from loadlab.protocols.answers import AnswerEnd

HOST = "localhost:8080"
AGENT = f"User-Agent: loadlab/{__version__}\r\n"


def request(**written: object) -> MixedRequest:
    return MixedRequest.model_validate({"path": "/", **written})


def table(**columns: list[str]) -> Table:
    rows = len(next(iter(columns.values())))
    return Table("users.csv", columns, range(2, rows + 2))


def rendered(written: MixedRequest, data: Table | None = None, closes: bool = False) -> list[str]:
    (kind,) = render_requests([written], data, HOST, closes)
    return [content.decode() for content in kind.contents]


class Received:
    """A request as a server's parser reads it."""

    def __init__(self, content: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_whole = False
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(content)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.url = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_whole = True


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ({"path": "/a?b=ü"}, f"GET /a?b=%C3%BC HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}\r\n"),
        ({"method": "DELETE"}, f"DELETE / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}\r\n"),
        ({"method": "POST"}, f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}Content-Length: 0\r\n\r\n"),
        ({"body": "ü"}, f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}Content-Length: 2\r\n\r\nü"),
        ({"method": "GET", "body": ""}, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}Content-Length: 0\r\n\r\n"),
        (
            {"json": {"a": [1, 0.5, None, True, "é\n"], "b": {}, "c": []}},
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}Content-Type: application/json\r\nContent-Length: 44\r\n\r\n"
            '{"a":[1,0.5,null,true,"é\\n"],"b":{},"c":[]}',
        ),
        (
            {"json": False, "headers": {"content-type": "application/problem+json", "X-A": 5}},
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}content-type: application/problem+json\r\nX-A: 5\r\n"
            "Content-Length: 5\r\n\r\nfalse",
        ),
        (
            {"headers": {"host": "a.example", "USER-AGENT": "me"}},
            "GET / HTTP/1.1\r\nhost: a.example\r\nUSER-AGENT: me\r\n\r\n",
        ),
        (
            {"body": "x", "headers": {"Content-Length": 1}},
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}Content-Length: 1\r\n\r\nx",
        ),
    ],
)
def test_a_request_as_it_is_sent(written: dict[str, object], sent: str) -> None:
    assert rendered(request(**written)) == [sent]


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\xff\x00{{id}}")
    (kind,) = render_requests([request(method="PUT", file=str(tmp_path / "picture"))], table(id=["1"]), HOST)
    (content,) = kind.contents
    assert content.endswith(b"Content-Length: 8\r\n\r\n\xff\x00{{id}}")


def test_a_connection_for_each_request_is_closed_by_the_server() -> None:
    assert rendered(request(), closes=True) == [f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{AGENT}Connection: close\r\n\r\n"]
    kept = request(headers={"connection": "keep-alive"})
    assert "close" not in rendered(kept, closes=True)[0]


def test_values_of_a_row_stand_in_every_place() -> None:
    written = request(
        path="/users/{{id}}?q={{q}}",
        headers={"Authorization": "Bearer {{token}}"},
        json={"{{id}}": ["{{q}} and {{ token }}"]},
    )
    data = table(id=["1", "a/b"], token=["abc", "ü"], q=['"\\\n', ""])
    received = [Received(content.encode()) for content in rendered(written, data)]
    assert [each.url for each in received] == ["/users/1?q=%22%5C%0A", "/users/a%2Fb?q="]
    assert [each.headers["Authorization"] for each in received] == ["Bearer abc", "Bearer ü"]
    assert [json.loads(each.body) for each in received] == [{"1": ['"\\\n and abc']}, {"a/b": [" and ü"]}]
    assert [each.headers["Content-Length"] for each in received] == [str(len(each.body)) for each in received]


def test_a_body_of_text_has_values_as_they_are() -> None:
    written = request(body='{"n": {{n}}}')
    assert [content.partition("\r\n\r\n")[2] for content in rendered(written, table(n=["5", '"x"']))] == [
        '{"n": 5}',
        '{"n": "x"}',
    ]


def test_a_column_at_the_beginning_of_a_path_has_whole_paths() -> None:
    written = request(path="{{path}}?page={{n}}")
    data = table(path=["/a/b c", "/é%20"], n=["1&2", "3"])
    assert [content.split(" ")[1] for content in rendered(written, data)] == [
        "/a/b%20c?page=1%262",
        "/%C3%A9%20?page=3",
    ]


def test_only_what_names_columns_is_rendered_for_each_row() -> None:
    kinds = render_requests(
        [request(path="/{{id}}", weight=3, name="one"), request(path="/all", method="HEAD")],
        table(id=["1", "2", "3"]),
        HOST,
    )
    assert [(kind.name, kind.weight, kind.method, len(kind.contents)) for kind in kinds] == [
        ("one", 3, "GET", 3),
        ("all", 1, "HEAD", 1),
    ]


def test_what_must_come_back() -> None:
    expect = {"status": [201, "4xx"], "body": "ü", "header": {"Content-Type": "json"}}
    (kind,) = render_requests([request(expect=expect)], None, HOST)
    assert kind.statuses == frozenset({201, *range(400, 500)})
    assert (kind.expected_body, kind.expected_headers) == ("ü".encode(), ((b"Content-Type", b"json"),))
    (kind,) = render_requests([request()], None, HOST)
    assert (kind.statuses, kind.expected_body, kind.expected_headers) == (frozenset(range(200, 400)), None, ())


def test_a_column_that_is_gone_since_the_profile_was_checked() -> None:
    with pytest.raises(ProfileError, match="the requests name the column id, which the data do not have any more"):
        render_requests([request(path="/{{id}}")], table(other=["1"]), HOST)


def test_requests_that_take_too_much_memory() -> None:
    written = request(path="/{{id}}")
    with pytest.raises(ProfileError, match="the requests take 68 MiB, and may take 64 MiB"):
        render_requests([written], table(id=["\0" * 12_000_000] * 2), HOST)  # percent-encoded, three times as long


def test_a_table_of_a_file_is_rendered_in_the_order_of_its_rows(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text('\ufeffid,name\n2,"Ann, ""A"""\n\n1,Bo\n', encoding="utf-8")
    data = read_table(str(tmp_path / "users.csv"))
    received = [
        json.loads(Received(each.encode()).body) for each in rendered(request(json=["{{id}}", "{{name}}"]), data)
    ]
    assert received == [["2", 'Ann, "A"'], ["1", "Bo"]]


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(VALUES, VALUES, VALUES)
def test_whatever_the_values_are_one_whole_request_is_sent(segment: str, text: str, name: str) -> None:
    written = request(path="/a/{{segment}}/b?c={{text}}", method="POST", json={"{{name}}": "-{{text}}-"})
    (content,) = render_requests([written], table(segment=[segment], text=[text], name=[name]), HOST)[0].contents
    received = Received(content)
    assert received.is_whole
    assert json.loads(received.body) == {name: f"-{text}-"}
    path, _, query = received.url.partition("?")
    assert [unquote(each) for each in path.split("/")] == ["", "a", segment, "b"]
    assert unquote(query) == f"c={text}"


def messages(protocol: Literal["websocket", "tcp"], data: Table | None = None, **written: object) -> RenderedKind:
    (kind,) = render_messages([MixedMessage.model_validate(written)], data, protocol)
    return kind


@pytest.mark.parametrize(("length", "text"), [(5, True), (126, True), (70_000, True), (300, False)])
def test_a_message_over_a_websocket_is_one_masked_frame(length: int, text: bool, tmp_path: Path) -> None:
    payload = "x" * length
    file = tmp_path / "payload"
    file.write_text(payload)
    kind = messages("websocket", text=payload) if text else messages("websocket", binary=str(file))
    server = FrameProtocol(client=False, extensions=[])
    server.receive_bytes(kind.contents[0])
    (frame,) = server.received_frames()
    assert frame.message_finished
    assert frame.opcode is (Opcode.TEXT if text else Opcode.BINARY)
    assert frame.payload == (payload if text else payload.encode())
    assert kind.contents[0][1] & 0x80, "a client masks its frames"
    assert kind.statuses == {0}


def test_messages_have_the_values_of_rows_and_what_ends_their_answers() -> None:
    kind = messages("tcp", table(id=["1", "2"]), text="GET {{id}}\r\n", until="\r\n")
    assert kind.contents == (b"GET 1\r\n", b"GET 2\r\n")
    assert kind.end == AnswerEnd(until=b"\r\n")
    assert messages("websocket", text="é", answer=2, matches="a+").end == AnswerEnd(messages=2, matches="a+")


def test_a_message_may_be_empty_where_the_server_speaks_first() -> None:
    assert messages("tcp", bytes=3).contents == (b"",)
