"""Errors are shown in the lines of the user's files, and nothing else."""

import sys
from collections.abc import Coroutine, Iterator
from typing import Any, TypeAlias

import pytest

from loadlab.scenario.script import load_script
from loadlab.scenario.sources import UserLine, forget_sources, line_of_user
from loadlab.scenario.tracebacks import format_trace

Names: TypeAlias = dict[str, Any]

SOURCE = """
import json
import helpers

async def checkout(user):
    helpers.call(user)

async def parse(user):
    json.loads(user)

async def deep(user):
    await (deep(user - 1) if user else parse(""))

class Basket:
    async def fill(self, user):
        raise KeyError("token")
"""
HELPERS = "def call(function):\n    # a comment\n    function(\n    )\n"


@pytest.fixture
def names() -> Iterator[Names]:
    files = {"/shop/shop.py": SOURCE, "/shop/lib/../helpers.py": HELPERS}
    script = load_script(files, "/shop/shop.py", "checkout")
    yield script.iteration.__globals__
    forget_sources()


def trace_of(coroutine: Coroutine[Any, Any, Any]) -> list[str]:
    try:
        coroutine.send(None)
    except Exception as error:
        return format_trace(error).splitlines()
    raise AssertionError("it did not fail")


def test_calls_are_shown_outermost_first_with_their_function(names: Names) -> None:
    assert trace_of(names["Basket"]().fill(None)) == [
        "shop.py:16 in Basket.fill",
        '    raise KeyError("token")',
        "KeyError: 'token'",
    ]


def test_the_library_in_which_it_arose_is_named(names: Names) -> None:
    assert trace_of(names["parse"]("{")) == [
        "shop.py:9 in parse",
        "    json.loads(user)",
        "in json",
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ]


def test_lines_of_a_library_between_those_of_the_user_are_left_out(names: Names) -> None:
    def library() -> None:
        names["parse"]("").send(None)

    lines = trace_of(names["checkout"](library))
    assert [line for line in lines if " in " in line and ":" in line][:3] == [
        "shop.py:6 in checkout",
        "helpers.py:3 in call",
        "shop.py:9 in parse",
    ]


def test_a_long_traceback_keeps_its_begin_and_its_end(names: Names) -> None:
    lines = trace_of(names["deep"](200))
    assert "... 190 more calls" in lines
    assert len(lines) == 4 * 2 + 1 + 8 * 2 + 2
    assert lines[-3] == "    json.loads(user)"


def test_a_long_message_is_cut() -> None:
    assert len(format_trace(ValueError("x" * 100_000))) < 1100


def test_an_error_whose_text_fails_is_shown_all_the_same() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert "Broken" in format_trace(Broken())


def test_the_line_being_executed_is_found_from_below(names: Names) -> None:
    found: list[UserLine | None] = []

    def library() -> None:
        found.append(line_of_user(sys._getframe()))

    names["call"] = names["helpers"].call
    names["call"](library)
    assert found == [UserLine("helpers.py:3", "function(")]
    assert line_of_user(sys._getframe()) is None


def test_code_that_python_makes_in_a_module_of_the_user_is_not_the_users(
    names: Names,
) -> None:
    found: list[UserLine | None] = []
    names["note"] = lambda: found.append(line_of_user(sys._getframe()))
    exec(compile("note()", "<string>", "exec"), names)
    assert found == [None]
