"""The doctor on this machine, whatever its state: what it prints, how it ends, and that `run` agrees."""

import json
import re
import resource
import sys
from collections.abc import Iterator

import pytest

from loadlab.processes import spawn

from .program import QUICK, Program

LIMITS = ("open files", "local ports", "memory", "processes", "clock source", "other processes")
PROFILERS = ("perf", "bpftrace", "strace", "py-spy")
FEW_FILES = {resource.RLIMIT_NOFILE: 256}
SWEPT = QUICK + "sweep: {load.idle: [0, 5000]}\n"


@pytest.fixture
def _burning() -> Iterator[None]:
    """A process that is no child of the program's and keeps a core busy."""
    with spawn("burning", [sys.executable, "-c", "while True: pass"]):
        yield


def write(program: Program, profile: str) -> str:
    path = program.directory / "profile.yaml"
    path.write_text(profile)
    return str(path)


def test_without_a_profile_it_only_reports(program: Program) -> None:
    ended = program.run("doctor")
    assert (ended.code, ended.stderr) == (0, "")
    rows = ended.stdout.splitlines()
    assert all(any(row.startswith(f"{check} ") for row in rows) for check in (*LIMITS, *PROFILERS))
    assert rows[-1].startswith("Judged by 10,000 idle and 100 active connections;")
    assert "\x1b" not in ended.stdout


def test_even_what_is_wrong_is_no_failure_without_a_profile(program: Program) -> None:
    ended = program.run("doctor", limits=FEW_FILES)
    assert ended.code == 0
    assert "open files: one process would have 10,116 files open, and the hard limit is 256; raise it" in ended.stdout


def test_as_json_for_programs(program: Program) -> None:
    ended = program.run("doctor", "--json", limits=FEW_FILES)
    document = json.loads(ended.stdout)
    assert (ended.code, ended.stderr) == (0, "")
    assert {name: document[name] for name in ("profile", "can_run", "trials", "impossible")} == {
        "profile": None,
        "can_run": None,
        "trials": None,
        "impossible": None,
    }
    (files,) = [check for check in document["checks"] if check["check"] == "open files"]
    assert (files["state"], files["here"], files["needed"]) == ("blocker", "256 in a process", "10,116 in a process")
    assert files["fix"].startswith("raise it (`ulimit -n 10116`")


def test_a_profile_that_can_run(program: Program) -> None:
    ended = program.run("doctor", write(program, QUICK))
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "quick can run here."


def test_a_profile_that_can_run_in_part(program: Program) -> None:
    path = write(program, SWEPT)
    ended = program.run("doctor", path, limits=FEW_FILES)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].startswith(
        "quick can run here with 1 of its 2 trials; 1 of 2 trials is not possible: "
        "one process would have 5,020 files open, and the hard limit is 256; raise it (`ulimit -n 5020`"
    )
    as_json = json.loads(program.run("doctor", path, "--json", limits=FEW_FILES).stdout)
    assert (as_json["profile"], as_json["can_run"], as_json["trials"], as_json["impossible"]) == ("quick", True, 2, 1)


def test_a_profile_that_cannot_run(program: Program) -> None:
    path = write(program, QUICK)
    ended = program.run("doctor", path, "--set", "load.idle=5000", limits=FEW_FILES)
    assert (ended.code, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[-1].startswith(
        "quick cannot run here: the only trial is not possible: one process would have 5,020 files open"
    )
    as_json = program.run("doctor", path, "--set", "load.idle=5000", "--json", limits=FEW_FILES)
    document = json.loads(as_json.stdout)
    assert as_json.code == 1
    assert (document["can_run"], document["trials"], document["impossible"]) == (False, 1, 1)


@pytest.mark.usefixtures("_burning")
def test_what_uses_the_cores_now_is_named(program: Program) -> None:
    document = json.loads(program.run("doctor", "--json").stdout)
    (others,) = [check for check in document["checks"] if check["check"] == "other processes"]
    assert others["state"] == "warning"
    assert re.search(r"others use \S+ of \d+ cores? now: .+ \(pid \d+\) \d", others["problem"])


def test_settings_are_changed_as_for_a_run(program: Program) -> None:
    path = write(program, SWEPT)
    assert program.run("doctor", path, "--set", "load.idle=[0,10]", limits=FEW_FILES).code == 0
    assert program.run("doctor", path, "--set", "load.idle=300", limits=FEW_FILES).code == 1


def test_the_run_agrees_and_warns_beforehand(program: Program) -> None:
    ended = program.measure(SWEPT, "--json", limits=FEW_FILES)
    states = sorted(trial["state"] for trial in json.loads(ended.stdout)["trials"])
    assert states == ["done", "not possible"]
    warnings = [line for line in ended.stderr.splitlines() if line.startswith("warning: ")]
    assert any(line.startswith("warning: 1 of 2 trials is not possible: one process would") for line in warnings)
    first_trial = next(number for number, line in enumerate(ended.stderr.splitlines()) if line.startswith("1/2 "))
    assert ended.stderr.splitlines().index(warnings[-1]) < first_trial


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["doctor", "selct-vs-epoll"], "did you mean 'select-vs-epoll'?"),
        (["doctor", "--set", "load.idle=5"], "changes a profile; name one"),
        (["doctor", "select-vs-epoll", "--set", "load.idel=5"], "did you mean"),
    ],
)
def test_mistakes_are_those_of_usage(program: Program, arguments: list[str], expected: str) -> None:
    ended = program.run(*arguments)
    assert (ended.code, ended.stdout) == (2, "")
    assert expected in ended.stderr


def test_the_help_gives_examples(program: Program) -> None:
    ended = program.run("doctor", "--help")
    assert ended.code == 0
    assert "loadlab doctor select-vs-epoll" in ended.stdout
