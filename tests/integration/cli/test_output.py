"""Where the output goes: terminals, pipes, files, and places that cannot take it. No run is lost for that."""

import subprocess
from pathlib import Path

import pytest

from .program import ANY_VERDICT, DEADLINE_SECONDS, QUICK, Program
from .terminal import open_terminal

SHORT = ("--set", "load.duration=20ms", "--set", "load.warmup=0", ANY_VERDICT)


def measure_with_stdout(program: Program, redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run QUICK with its standard output redirected by the shell; check that the run itself is whole."""
    command = program.command(*program.measure_arguments(QUICK, *SHORT))
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
        capture_output=True,
        text=True,
        env=program.environment | environment,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    program.check_nothing_left()
    assert "Traceback" not in ended.stderr
    assert program.document()["trials"][0]["state"] == "done"
    assert (program.run_directory() / "index.html").exists()
    return ended


def test_a_full_disk_behind_standard_output(program: Program) -> None:
    ended = measure_with_stdout(program, "> /dev/full")
    assert ended.returncode == 2
    assert "No space left on device" in ended.stderr


def test_no_standard_output(program: Program) -> None:
    assert measure_with_stdout(program, ">&-").returncode == 0


def test_no_standard_error(program: Program) -> None:
    ended = measure_with_stdout(program, "2>&-")
    assert ended.returncode == 0
    assert "page: " in ended.stdout


def test_an_output_without_all_the_characters(program: Program) -> None:
    ended = measure_with_stdout(program, "", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert "page: " in ended.stdout


def test_square_brackets_in_a_path_are_printed_as_they_are(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "a[bold]b"
    ended = program.run(*program.measure_arguments(QUICK, *SHORT, "--out", str(out)))
    (directory,) = out.iterdir()
    page = directory / "index.html"
    assert ended.stdout.splitlines()[-1] == f"page: {page}"
    assert program.run("report", str(directory)).stdout == f"{page}\n"


@pytest.mark.parametrize("verb", ["targets", "schema"])
def test_a_listing_that_cannot_be_printed(program: Program, verb: str) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            program.command(verb),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=program.environment,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    assert ended.returncode == 2
    assert "No space left on device" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_file_name_with_an_escape_sequence_does_not_reach_the_terminal(program: Program, tmp_path: Path) -> None:
    profile = tmp_path / "\x1b[35mevil\n\r.yaml"
    profile.write_text("name: x\n")
    with open_terminal(program, "run", str(profile)) as terminal:
        assert terminal.wait_ended() == 2
        assert r"\x1b[35mevil\n\r.yaml:1:1: target: missing" in terminal.shown.replace("\r\n", " ")  # as wrapped
        assert b"\x1b[35m" not in terminal.raw
    with open_terminal(program, "run", str(profile.with_name("\x1b[35mnone.yaml"))) as terminal:
        assert terminal.wait_ended() == 2
        assert b"\x1b[35m" not in terminal.raw
    with open_terminal(program, "run", "a.yaml", "\x1b[35mb.yaml") as terminal:
        assert terminal.wait_ended() == 2
        assert b"\x1b[35m" not in terminal.raw
