"""Folded stacks: written, read again, and the kinds of their frames."""

import pytest

from loadlab.results.folded_stacks import format_folded, kind_of, parse_folded

STACKS = {
    ("MainThread", "serve (server.py:12)", "__send (libc.so.6)", "tcp_sendmsg_[k]"): 7,
    ("MainThread", "serve (server.py:12)"): 2,
    ("a thread", "operator()(int, char const*) (server)"): 1,
}


def test_folded_stacks_are_read_as_they_were_written() -> None:
    assert parse_folded(format_folded(STACKS)) == STACKS


def test_the_order_of_the_samples_does_not_show() -> None:
    assert format_folded(STACKS) == format_folded(dict(reversed(STACKS.items())))


def test_a_frame_cannot_end_its_line_or_begin_another_frame() -> None:
    text = format_folded({("MainThread", "<[T; 4] as Sum>::sum\n 9 (server)"): 1})
    assert text == "MainThread;<[T: 4] as Sum>::sum  9 (server) 1\n"


def test_equal_stacks_of_a_file_are_added_up() -> None:
    assert parse_folded("a;b 1\n\na;b 2\n") == {("a", "b"): 3}


@pytest.mark.parametrize("line", ["a;b", "a;b -1", "a;b 1.5", " 3", "7", "a;b ²"])
def test_a_line_that_is_no_stack_and_count_is_reported_by_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 "):
        parse_folded(f"a;b 1\n{line}\n")


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("serve (server.py:12)", "python"),
        ("<module> (<string>:1)", "python"),
        ("_find_and_load (<frozen importlib._bootstrap>:1022)", "python"),
        ("answer (node_server.js:133)", "javascript"),
        ("(anonymous) (server.mjs:1)", "javascript"),
        ("end (node:_http_outgoing:1034)", "javascript"),
        ("[unknown] (compiled)", "native"),
        ("__send (libc.so.6)", "native"),
        ("sock_send (socketmodule.c)", "native"),
        ("[unknown] (node)", "native"),
        ("tcp_sendmsg_[k]", "kernel"),
        ("serve.py:12", "native"),
    ],
)
def test_the_kind_of_a_frame_follows_from_how_it_is_written(frame: str, kind: str) -> None:
    assert kind_of(frame) == kind
