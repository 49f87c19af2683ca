import json
from urllib.parse import urlsplit

import pytest

from loadlab.cli.trace_lines import TraceLines, format_json, user_line
from loadlab.profile.masking import Masker
from loadlab.recording.trace import (
    Blocked,
    Body,
    Checked,
    FunctionBegins,
    FunctionEnds,
    Headers,
    MessageReceived,
    MessageSent,
    Printed,
    RequestFailed,
    RequestSent,
    ResponseReceived,
    Sleeping,
    StepBegins,
    StepEnds,
    TraceEvent,
    WebSocketEnded,
)

NOTHING = Body(0, "", True)
TOKEN = "f3a9c0ffee77"


def lines_of(*events: TraceEvent, masker: Masker | None = None) -> list[str]:
    lines = TraceLines(masker or Masker())
    return [line.text for event in events for line in lines.of(event)] + [line.text for line in lines.rest()]


def sent(number: int = 1, url: str = "http://h/a", headers: Headers | None = None, body: Body = NOTHING) -> RequestSent:
    return RequestSent(number, "GET", url, f"GET {urlsplit(url).path}", headers or [], body)


def received(headers: Headers | None = None, body: Body = NOTHING, expected: bool = True) -> ResponseReceived:
    status, reason = (200, "OK") if expected else (404, "Not Found")
    return ResponseReceived(1, status, reason, headers or [], body, 1_234_000, expected)


def text_body(text: str, whole: bool = True) -> Body:
    return Body(len(text), text, whole)


def test_an_iteration_as_it_is_shown() -> None:
    assert lines_of(
        FunctionBegins("checkout"),
        StepBegins("browse"),
        sent(headers=[("Accept", "*/*")]),
        received([("Content-Type", "application/json")], text_body('{"a":[1,"ä"]}')),
        StepEnds("browse", 2_000_000, "ok"),
        Sleeping(0.25),
        Checked("order accepted", True),
        FunctionEnds("checkout", 300_000_000, "ok"),
    ) == [
        "checkout",
        "  browse",
        "    → 1 GET http://h/a",
        "        Accept: */*",
        "    ← 1 200 OK, 1.23 ms, 13 bytes",
        "        Content-Type: application/json",
        '        {"a": [1, "ä"]}',
        "  browse: ok, 2 ms",
        "  sleep 250 ms",
        "  ✓ order accepted",
        "checkout: ok, 300 ms, 1 request, 1 of 1 check passed",
    ]


@pytest.mark.parametrize(
    ("url", "name", "shown"),
    [
        ("http://h/items/7?page=2", "GET /items/{id}", " (GET /items/{id})"),
        ("http://h/items?page=2", "GET /items", ""),
        ("http://h", "GET /", ""),
        ("http://h/items", "an item", " (an item)"),
    ],
)
def test_the_name_of_a_request_is_shown_where_its_line_does_not_say_it(url: str, name: str, shown: str) -> None:
    assert lines_of(RequestSent(1, "GET", url, name, [], NOTHING)) == [f"→ 1 GET {url}{shown}"]


def test_headers_of_every_request_are_shown_once_and_what_differs_always() -> None:
    usual: Headers = [("Host", "h"), ("User-Agent", "python-httpx/0.28")]
    first, second = sent(headers=[*usual, ("X", "1")]), sent(2, headers=[*usual, ("X", "1")])
    assert lines_of(first, second, sent(3, headers=[("Host", "other"), usual[1]])) == [
        "→ 1 GET http://h/a",
        "    Host: h",
        "    User-Agent: python-httpx/0.28",
        "    X: 1",
        "→ 2 GET http://h/a",
        "    X: 1",
        "→ 3 GET http://h/a",
        "    Host: other",
    ]


def test_json_is_on_one_line_where_it_fits() -> None:
    value = {"items": [{"id": 1, "name": "chair"}, {"id": 2, "name": "x" * 80}], "next": None, "none": []}
    assert format_json(value).splitlines() == [
        "{",
        '  "items": [',
        '    {"id": 1, "name": "chair"},',
        "    {",
        '      "id": 2,',
        f'      "name": "{"x" * 80}"',
        "    }",
        "  ],",
        '  "next": null,',
        '  "none": []',
        "}",
    ]
    assert json.loads(format_json(value)) == value


def test_what_fails_is_counted_and_stands_out() -> None:
    lines = TraceLines(Masker())
    events: list[TraceEvent] = [
        FunctionBegins("checkout"),
        StepBegins("pay"),
        sent(),
        received(expected=False),
        sent(2),
        RequestFailed(2, "no complete answer in time", 5_000_000_000),
        Checked("order accepted", False),
        StepEnds("pay", 5_000_000_000, "timeout"),
        FunctionEnds("checkout", 5_100_000_000, "timeout", "shop.py:3 in checkout\n    await x\nReadTimeout: late"),
    ]
    found = [line for event in events for line in lines.of(event)]
    assert (lines.failed, lines.failed_checks) == (2, 1)
    assert [line.text for line in found if line.tone == "invalid"] == [
        "    ← 1 404 Not Found, 1.23 ms, 0 bytes, not an expected status",
        "    ← 2 no complete answer in time, after 5 s",
        "    ✗ order accepted",
        "  pay: timeout, 5 s",
        "  shop.py:3 in checkout",
        "      await x",
        "  ReadTimeout: late",
        "checkout: timeout, 5.1 s, 2 requests, 0 of 1 check passed",
    ]


def test_counts_are_those_of_each_function() -> None:
    found = lines_of(
        FunctionBegins("on_start"),
        sent(),
        FunctionEnds("on_start", 1_000_000, "ok"),
        FunctionBegins("checkout"),
        FunctionEnds("checkout", 1_000_000, "script_error"),
    )
    assert found[-1] == "checkout: script error, 1 ms"


def test_a_step_that_an_error_leaves_does_not_indent_what_follows() -> None:
    found = lines_of(
        FunctionBegins("f"), StepBegins("a"), FunctionEnds("f", 1_000_000, "script_error"), FunctionBegins("g")
    )
    assert found[-1] == "g"


def test_what_is_printed_comes_line_by_line() -> None:
    texts: list[TraceEvent] = [Printed("a"), Printed("b\nc\n"), Printed("d"), Checked("x", True), Printed("e")]
    assert lines_of(FunctionBegins("f"), *texts) == ["f", "  ab", "  c", "  d", "  ✓ x", "  e"]


def test_code_that_blocks_is_named() -> None:
    (line,) = TraceLines(Masker()).of(Blocked("shop.py:17", "time.sleep(0.3)", 300_000_000))
    assert (line.text, line.tone) == ("shop.py:17 blocks all users for 300 ms: time.sleep(0.3)", "suspect")


def test_messages_of_a_websocket() -> None:
    assert lines_of(
        MessageSent("/chat", text_body("hi")),
        MessageReceived("/chat", Body(5)),
        WebSocketEnded("/chat", 1000, "bye"),
        WebSocketEnded("/chat", None),
    ) == ["→ /chat message, 2 bytes", "    hi", "← /chat message, 5 bytes", "← /chat closed 1000 bye", "← /chat closed"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc", "Bearer ***"),
        ("authorization", "abc", "***"),
        ("Authorization", "Custom abc", "***"),
        ("Proxy-Authorization", "Basic abc", "Basic ***"),
        ("Cookie", "a=1; session=abc", "a=***; session=***"),
        ("set-cookie", "session=abc=; Path=/; HttpOnly", "session=***; Path=/; HttpOnly"),
        ("set-cookie", "abc", "***"),
        ("X-Api-Key", "abc", "***"),
        ("x-csrf-token", "abc", "***"),
        ("Content-Type", "text/plain", "text/plain"),
    ],
)
def test_headers_with_credentials_are_masked(name: str, value: str, shown: str) -> None:
    assert lines_of(received([(name, value)]))[1] == f"    {name}: {shown}"


def test_credentials_in_json_are_masked() -> None:
    body = text_body(json.dumps({"token": "abc", "user": {"password": "x", "name": "Ann"}, "keys": [1]}))
    shown = "\n".join(lines_of(received(body=body)))
    assert '"token": "***"' in shown
    assert '"password": "***"' in shown
    assert '"name": "Ann"' in shown


def test_credentials_in_a_form_and_a_url_are_masked() -> None:
    shown = lines_of(sent(url="http://h/a?token=abc&b=1", body=text_body("name=ann&password=geheim")))
    assert shown == ["→ 1 GET http://h/a?token=***&b=1", "    name=ann&password=***"]


@pytest.mark.parametrize(
    "event",
    [
        received(body=text_body(json.dumps({"token": TOKEN}))),
        received([("Set-Cookie", f"session={TOKEN}; Path=/items; HttpOnly")]),
        sent(headers=[("Authorization", f"Bearer {TOKEN}")]),
        sent(headers=[("Cookie", f"a=b; session={TOKEN}")]),
    ],
)
def test_a_credential_that_came_up_is_masked_from_then_on(event: TraceEvent) -> None:
    found = lines_of(event, Printed(f"got {TOKEN}\n"), sent(url=f"http://h/items/{TOKEN}"))
    assert found[-2:] == ["got ***", "→ 1 GET http://h/items/***"]


def test_a_short_word_under_such_a_name_is_not_masked_elsewhere() -> None:
    found = lines_of(received(body=text_body('{"key": "items"}')), sent(url="http://h/items"))
    assert found[-1] == "→ 1 GET http://h/items"


def test_credentials_of_the_data_are_masked() -> None:
    masker = Masker.of({}, {"password": ["geheim77"]})
    assert lines_of(Printed("ann geheim77\n"), masker=masker) == ["ann ***"]
    row = {"name": "ann", "password": "geheim77", "note": "geheim77"}
    assert user_line("127.0.0.1:80", row, masker).text == "user 0 of 127.0.0.1:80: name=ann, password=***, note=***"
    assert user_line("127.0.0.1:80", {}, masker).text == "user 0 of 127.0.0.1:80"


def test_long_bodies_and_lines_are_cut() -> None:
    found = lines_of(received(body=text_body("\n".join(map(str, range(100))))))
    assert found[-2:] == ["    29", "    ..."]
    found = lines_of(received(body=text_body("x" * 1000)))
    assert len(found[-1]) == 200
    assert found[-1].endswith("x...")
    assert lines_of(received(body=text_body('{"a": [1, 2', whole=False)))[-2:] == ['    {"a": [1, 2', "    ..."]


def test_json_that_is_nested_too_deeply_is_shown_as_it_is() -> None:
    assert lines_of(received(body=text_body("[" * 5000)))[-1].startswith("    [[[")


def test_a_body_that_is_no_text_has_a_size_only() -> None:
    assert lines_of(received(body=Body(2048))) == ["← 1 200 OK, 1.23 ms, 2,048 bytes"]
    assert lines_of(sent(body=Body(None))) == ["→ 1 GET http://h/a"]
