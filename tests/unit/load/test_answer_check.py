"""Answers and what is expected of them."""

import pytest

from loadlab.load.answer_check import AnswerCheck

PLAIN = b'HTTP/1.1 200 OK\r\nContent-Type: application/json; x\r\nContent-Length: 11\r\n\r\n{"ok":true}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"ok"\r\n6\r\n:true}\r\n0\r\n\r\n'
)


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
@pytest.mark.parametrize(
    ("body", "headers", "difference"),
    [
        (b'"ok":true', [], None),
        (b'"ok":true', [(b"CONTENT-TYPE", b"application/json")], None),
        (b"false", [], "the body does not contain 'false'"),
        (b"HTTP", [], "the body does not contain 'HTTP'"),
        (None, [(b"Content-Type", b"text/html")], "the header Content-Type does not contain 'text/html'"),
        (None, [(b"Type", b"application/json")], "the header Type does not contain 'application/json'"),
        (None, [(b"ETag", b"")], "the header ETag does not contain ''"),
    ],
)
def test_an_answer_is_compared(
    answer: bytes, body: bytes | None, headers: list[tuple[bytes, bytes]], difference: str | None
) -> None:
    check = AnswerCheck(body, headers)
    assert check.difference(answer) == difference
    assert check.compared == 1


def test_what_is_cheap_to_compare_is_always_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter_ns", iter(range(0, 1_000_000, 500)).__next__)
    check = AnswerCheck(b"true", [])
    for _ in range(500):
        assert check.difference(PLAIN) is None
    assert check.compared == 500


def test_what_is_dear_to_compare_is_compared_in_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter_ns", iter(range(0, 10_000_000, 10_000)).__next__)
    check = AnswerCheck(b"true", [])
    for _ in range(32 + 500):
        check.difference(PLAIN)
    assert check.compared == 32 + 50
