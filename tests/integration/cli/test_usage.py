"""Mistakes in profiles and on the command line: all reported at once, exit code 2, nothing started, nothing written."""

import pytest

from .program import QUICK, Ended, Program

SEVERAL_MISTAKES = """\
name: mistakes
target: {server: epol}
load:
  conections: 4
  duration: 10
  warmup: 50ms
sweep:
  load.idle: [0, many]
"""


def check_refused(program: Program, ended: Ended) -> None:
    """Check that nothing was started: no run directory, no output, and the exit code for usage."""
    assert ended.code == 2
    assert ended.stdout == ""
    assert not program.reports.exists()


def test_every_mistake_of_a_profile_in_one_go(program: Program) -> None:
    ended = program.measure(SEVERAL_MISTAKES)
    check_refused(program, ended)
    path = program.directory / "profile.yaml"
    reported = ended.stderr.splitlines()
    expected = [
        f"{path}:2:18: target.server: there is no bundled server 'epol'; did you mean 'epoll'?",
        f"{path}:4:3: load.conections: unknown key; did you mean 'connections'?",
        f"{path}:5:13: load.duration: '10' has no unit; write 10s or 10ms",
        f"{path}:8:18: sweep.load.idle: must be a whole number such as 500 or 20k, not 'many'",
    ]
    assert [line for line in reported if line in expected] == expected
    assert all(line.startswith(f"{path}:") for line in reported)


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ("load.idel=5", "--set load.idel=5: load.idel: unknown key; did you mean 'idle'?"),
        ("load.idle=many", "must be a whole number such as 500 or 20k, not 'many'"),
        ("load.idle", "--set load.idle"),
        ("load.idle=[0, ", "--set load.idle=[0, "),
    ],
)
def test_mistakes_in_a_setting(program: Program, change: str, reported: str) -> None:
    ended = program.measure(QUICK, "--set", change)
    check_refused(program, ended)
    assert reported in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["run", "selct-vs-epoll"], "did you mean 'select-vs-epoll'?"),
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "."], "directory"),
        (["run", "http://localhost:8080/"], "loadlab run select-vs-epoll --set target.address=localhost:8080"),
        (["run", "select-vs-epoll", "--set", "load.foo=1"], "--set load.foo=1: load.foo: unknown key\n"),
        (["run", "select-vs-epoll", "--set", "probes=syscall"], "; did you mean 'syscalls'?"),
        (["run", "select-vs-epoll", "--seed", "x"], "--seed"),
        (["run", "select-vs-epoll", "--seed", "-1"], "seed: must be at least 0, not -1"),
        (["run", "select-vs-epoll", "--repet", "2"], "--repeat"),
        (["report", "nowhere"], "There is no nowhere; name a directory that `loadlab run` has written."),
        (["serve", "epol"], "there is no bundled server 'epol'; did you mean 'epoll'?"),
        (["serve", "epoll", "--port", "70000"], "--port"),
        (["mesure"], "mesure"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_on_the_command_line(program: Program, arguments: list[str], reported: str) -> None:
    ended = program.run(*arguments)
    check_refused(program, ended)
    assert reported in ended.stderr


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b"", "the profile is empty"),
        (b"\x7fELF\x02\x01\x01\0\0\xff\xfe", "not UTF-8 text"),
        (b"\0" * 5000, "unprintable character"),
        (b"#" * 200_000, "too large for a profile"),
        (b"a: " + b"[" * 60_000, "nested too deeply"),
        (b"a: &a [x, x]\nb: [*a, *a]\n", "aliases are not allowed"),
        (b"a: " + b"9" * 100_000, "too long a value"),
        (b"\tname: x\n", "a tab is not allowed here"),
        (b"<!doctype html>", "a profile must be a mapping"),
    ],
    ids=range(9),
)
def test_what_is_no_profile_is_one_line(program: Program, content: bytes, reported: str) -> None:
    path = program.directory / "any.yaml"
    path.write_bytes(content)
    ended = program.run("run", str(path), "--out", str(program.reports))
    check_refused(program, ended)
    lines = [line for line in ended.stderr.splitlines() if "missing" not in line and "unknown key" not in line]
    assert len(lines) == 1
    assert reported in lines[0]


def test_cores_that_are_not_there(program: Program) -> None:
    ended = program.measure(QUICK + "placement: {target: [0], load: [4095]}\n")
    check_refused(program, ended)
    assert "core 4095 is not among the cores that loadlab may use here" in ended.stderr
