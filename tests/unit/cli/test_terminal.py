"""What is printed: on a terminal control characters are escaped, another program gets the text as it is."""

import io
import sys

import pytest
from rich.table import Table

from loadlab.cli import terminal

NAMED = "\x1b]0;owned\x07\x1b[31m.yaml\r\x9b2J"
SHOWN = r"\x1b]0;owned\x07\x1b[31m.yaml\r\x9b2J"


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def show_on(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    return screen


def test_results_on_a_terminal_show_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = show_on(monkeypatch)
    terminal.write(f"page: {NAMED}\n\tnext ü")
    assert screen.getvalue() == f"page: {SHOWN}\n\tnext ü\n"


def test_sentences_on_a_terminal_show_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = show_on(monkeypatch)
    terminal.write_prose(f"of {NAMED}")
    assert screen.getvalue() == f"of {SHOWN}\n"


def test_a_table_keeps_its_own_colours_and_shows_what_is_in_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = show_on(monkeypatch)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    table = Table("name", header_style="bold")
    table.add_row("\x1b[31mred\x9b")
    terminal.show(table)
    drawn = screen.getvalue()
    assert r"\x1b[31mred\x9b" in drawn
    assert "\x1b[31m" not in drawn
    assert "\x1b[1m" in drawn


def test_another_program_gets_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.write(NAMED)
    assert capsys.readouterr().out == f"{NAMED}\n"


def test_messages_show_them_always(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    terminal.error_console.cache_clear()
    terminal.notify(f"{NAMED}: no such file\nand [bold]more[/bold] of shop.py:x: there")
    terminal.error_console.cache_clear()
    assert stream.getvalue() == f"{SHOWN}: no such file\nand [bold]more[/bold] of shop.py:x: there\n"


def test_names_in_a_table_are_neither_markup_nor_emoji(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = show_on(monkeypatch)
    monkeypatch.setenv("COLUMNS", "100")
    table = Table("name")
    table.add_row("[./old] shop.py:x: [bold]")
    terminal.show(table)
    assert "[./old] shop.py:x: [bold]" in screen.getvalue()
