"""A group of options on a command line: it is declared once, and any verb can take it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from loadlab.cli.option_groups import CommandInSections, with_option_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    depth: Annotated[str | None, typer.Option("-d", "--depth", help="How deep.")] = None
    marks: Annotated[tuple[str, ...], typer.Option("--mark", help="A mark.")] = ()
    loud: Annotated[bool, typer.Option("--loud")] = False


@dataclass(frozen=True, slots=True)
class Whole(Shared):
    place: Annotated[str, typer.Argument(metavar="PLACE")]


def run(*arguments: str) -> str:
    app = typer.Typer()

    @app.command("dig")
    @with_option_groups
    def dig(options: Whole, deeper: Annotated[int, typer.Option(help="Its own.")] = 1) -> None:
        """Dig somewhere."""
        print(options, deeper)

    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    return shown.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["here"], Whole("here")),
        (["-d", "3", "here", "--mark", "a", "--mark=b"], Whole("here", depth="3", marks=("a", "b"))),
        (["here", "--loud"], Whole("here", loud=True)),
    ],
)
def test_a_verb_gets_its_group_whole(arguments: list[str], options: Whole) -> None:
    assert run(*arguments) == f"{options} 1"


def test_options_beside_a_group_stay() -> None:
    assert run("here", "--deeper", "5") == f"{Whole('here')} 5"


def test_help_has_the_verbs_own_text_and_the_groups_options() -> None:
    text = run("--help")
    assert [word for word in ("Dig somewhere.", "PLACE", "How deep.", "A mark.", "Its own.") if word not in text] == []


@dataclass(frozen=True)
class Tool(Shared):
    heading: ClassVar[str | None] = "Which tool"

    spade: Annotated[bool, typer.Option("--spade")] = False
    bucket: Annotated[bool, typer.Option("--bucket", rich_help_panel="What carries")] = False


def test_a_heading_makes_a_section_of_the_options_that_its_class_declares() -> None:
    app = typer.Typer(rich_markup_mode=None)

    @app.command("dig", cls=CommandInSections)
    @with_option_groups
    def dig(options: Tool) -> None:
        """Dig somewhere."""

    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0, repr(shown.exception)
    lines = shown.stdout.splitlines()
    headings = [number for number, line in enumerate(lines) if line.endswith(":")]
    assert [lines[number] for number in headings] == ["Which tool:", "What carries:", "Options:"]
    assert [lines[number + 1].split()[0] for number in headings] == ["--spade", "--bucket", "-d,"]
