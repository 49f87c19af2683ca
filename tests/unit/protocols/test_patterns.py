"""Which responses are recognised as being like an earlier one, and what becomes a pattern at all."""

import re
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadlab.protocols.http1 import ResponseParsers
from loadlab.protocols.patterns import ResponsePatterns, pattern_of

from .mutations import make_response, mutate, read_pieces

SIZED = (
    b'HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\nETag: W/"1"\r\nContent-Length: 5\r\n'
    b"Connection: keep-alive\r\n\r\nhello"
)
CHUNKED = b"HTTP/1.1 200 OK\r\nX-Id: 7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"


def matches(like: bytes, response: bytes) -> bool:
    pattern = pattern_of(like, 200)
    assert pattern is not None
    return re.fullmatch(pattern, response, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("like", "old", "new"),
    [
        (SIZED, b"12:00:00", b"12:00:01"),
        (SIZED, b'W/"1"', b'W/"abcdef", "and", more: of it'),
        (SIZED, b'ETag: W/"1"', b"ETag:"),
        (SIZED, b"hello", b"\r\n\r\n\xff"),
        (CHUNKED, b"X-Id: 7", b"X-Id: 1234"),
        (CHUNKED, b"0123456789", b"0\r\n\r\n\0\0\0\0\0"),
    ],
)
def test_values_and_bodies_may_be_others(like: bytes, old: bytes, new: bytes) -> None:
    assert matches(like, like.replace(old, new))


@pytest.mark.parametrize(
    ("like", "old", "new"),
    [
        (SIZED, b"200 OK", b"404 OK"),
        (SIZED, b"HTTP/1.1", b"HTTP/1.0"),
        (SIZED, b"Length: 5", b"Length: 6"),
        (SIZED, b"hello", b"hello "),
        (SIZED, b"hello", b"hell"),
        (SIZED, b"keep-alive", b"close"),
        (SIZED, b"ETag", b"Upgrade"),
        (SIZED, b'W/"1"', b"1\r\nTransfer-Encoding: chunked"),
        (SIZED, b'W/"1"', b"1\r\n 2"),
        (SIZED, b'W/"1"', b"1\n2"),
        (SIZED, b'W/"1"', b"1\0"),
        (CHUNKED, b"5\r\nhello", b"4\r\nhello"),
        (CHUNKED, b"hello\r\n", b"hello\n\n"),
        (CHUNKED, b"0\r\n\r\n", b"0\r\nX: 1\r\n\r\n"),
        (CHUNKED, b"0\r\n\r\n", b"1\r\n\r\n"),
        (CHUNKED, b"chunked", b"CHUNKED"),
    ],
)
def test_what_decides_about_framing_and_reuse_must_be_the_same(like: bytes, old: bytes, new: bytes) -> None:
    assert old in like
    assert not matches(like, like.replace(old, new))


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 02\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 20 * b"1\r\na\r\n" + b"0\r\n\r\n",
    ],
)
def test_what_is_not_simple_becomes_no_pattern(response: bytes) -> None:
    assert pattern_of(response, 200) is None


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_becomes_no_pattern(status: int) -> None:
    assert pattern_of(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status, status) is None


def test_a_pattern_is_made_of_the_second_response_of_a_length() -> None:
    patterns = ResponsePatterns[str]()
    patterns.learn(SIZED, 200, "ok")
    assert not patterns.by_length
    patterns.learn(SIZED, 200, "ok")
    matches, meaning = patterns.by_length[len(SIZED)]
    assert matches(SIZED.replace(b"hello", b"HELLO"))
    assert meaning == "ok"


def test_only_so_many_patterns_are_made() -> None:
    patterns = ResponsePatterns[str]()
    for number in range(200):
        response = SIZED.replace(b"ETag: ", b"ETag: " + b"x" * number)
        patterns.learn(response, 200, "ok")
        patterns.learn(response, 200, "ok")
    assert len(patterns.by_length) == 64


@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=True), then_end=st.booleans())
def test_a_response_is_read_alike_whether_one_like_it_came_before(random: Random, then_end: bool) -> None:
    raw = make_response(random)
    parsers = ResponseParsers()
    for _ in range(2):
        read_pieces(parsers, [raw], then_end=True)
    mutated = mutate(random, raw)
    reading = read_pieces(ResponseParsers(), [mutated], then_end)
    assert read_pieces(parsers, [mutated], then_end) == reading, (raw, mutated)
    assert read_pieces(parsers, [mutated], then_end) == reading, (raw, mutated)


def test_responses_to_head_teach_nothing() -> None:
    parsers = ResponseParsers("HEAD")
    for _ in range(3):
        read_pieces(parsers, [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], then_end=False)
    assert not parsers.patterns
