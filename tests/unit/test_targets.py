"""What a target's file says of itself, and what follows from its capabilities."""

import sys
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.targets import Capabilities, catalog, find_target, serve_command, why_not_possible

CAPABILITIES = Capabilities(handlers=("hello", "sleep"), max_connections=100, backlog=64)


def test_the_bundled_targets_are_found_sorted_by_name() -> None:
    names = list(catalog())
    assert {"epoll", "poll", "select"} <= set(names)
    assert names == sorted(names)


def test_a_target_is_read_without_running_it_and_a_module_without_one_is_passed_over(tmp_path: Path) -> None:
    text = 'TARGET = {"name": "x", "about": "y", "handlers": ["hello"], "options": {}}\nraise RuntimeError\n'
    (tmp_path / "x_loop.py").write_text(text)
    (tmp_path / "shared.py").write_text("raise RuntimeError\n")
    (description,) = catalog(tmp_path).values()
    assert (description.name, description.about, description.handlers) == ("x", "y", ("hello",))
    assert description.file == tmp_path / "x_loop.py"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("TARGET = {", "was never closed"),
        ("TARGET = make()", "malformed node"),
        ("TARGET = 3", "must be a mapping"),
        ('TARGET = {"name": "x"}', "about"),
        ('TARGET = {"name": "x", "about": "y", "handlers": 3, "options": {}}', "handlers"),
    ],
)
def test_a_broken_target_is_named_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(LoadlabError) as caught:
        catalog(tmp_path)
    message = str(caught.value)
    assert str(file) in message
    assert why in message
    assert "\n" not in message


@pytest.mark.parametrize(("name", "hint"), [("epol", "did you mean 'epoll'?"), ("zzz", "there are: epoll, poll")])
def test_an_unknown_name_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(LoadlabError) as caught:
        find_target(name)
    assert hint in str(caught.value)


def test_the_command_to_serve_runs_the_file_with_this_python() -> None:
    command = serve_command("epoll", "::1", 8080)
    assert command[0] == sys.executable
    assert Path(command[1]).name == "epoll_loop.py"
    assert command[2:] == ["--host", "::1", "--port", "8080"]


def test_what_a_target_can_do_is_possible_up_to_the_last_connection() -> None:
    assert why_not_possible(CAPABILITIES, "sleep", 100) is None


def test_a_missing_handler_is_named_with_those_there_are() -> None:
    assert why_not_possible(CAPABILITIES, "cpu", 1) == "the target has no handler 'cpu'; it has: hello, sleep"


def test_too_many_connections_are_told_with_both_numbers() -> None:
    reason = why_not_possible(CAPABILITIES, "hello", 101)
    assert reason is not None
    assert "101 connections" in reason
    assert "can hold 100" in reason
