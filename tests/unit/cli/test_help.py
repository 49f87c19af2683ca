"""The help on a terminal of 80 columns."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from loadlab.cli.ab.verb import AB_EXAMPLES
from loadlab.cli.verbs import DOCTOR_EXAMPLES, EXAMPLES, RUN_EXAMPLES, SERVE_EXAMPLES, app


def help_lines(*verb: str) -> list[str]:
    shown = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "80"}, prog_name="loadlab")
    assert shown.exit_code == 0
    return shown.stdout.splitlines()


@pytest.mark.parametrize(
    ("verb", "examples"),
    [
        ((), EXAMPLES),
        (("run",), RUN_EXAMPLES),
        (("doctor",), DOCTOR_EXAMPLES),
        (("serve",), SERVE_EXAMPLES),
        (("ab",), AB_EXAMPLES),
    ],
)
def test_each_example_stays_on_its_line(verb: tuple[str, ...], examples: str) -> None:
    wanted = [f"  {line}" for line in examples.splitlines() if line.startswith("  loadlab ")]
    lines = help_lines(*verb)
    assert [line for line in lines if line.startswith("    loadlab ")] == wanted
    assert max(map(len, lines)) <= 80


def test_what_each_verb_does_is_reported_without_being_cut() -> None:
    lines = help_lines()
    verbs = lines[lines.index("Commands:") + 1 : lines.index("", lines.index("Commands:"))]
    assert len(verbs) == len(app.registered_commands)
    assert [line for line in verbs if not line.endswith(".") or line.endswith("...")] == []


def test_help_and_completion_do_not_wait_for_what_only_a_run_needs() -> None:
    listing = "import sys, loadlab.cli.verbs; print(*(name.partition('.')[0] for name in sys.modules))"
    imported = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "typer" in imported
    assert {"numpy", "plotly", "pydantic", "jinja2", "yaml", "rich"} & set(imported) == set()
