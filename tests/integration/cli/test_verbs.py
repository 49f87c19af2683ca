"""The other verbs: what they print, and how they end."""

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from loadlab.installation import bundled_directory
from loadlab.profile.schema import KINDS

from .program import ANY_VERDICT, DEADLINE_SECONDS, QUICK, Program
from .terminal import open_terminal

VERBS = ("run", "report", "serve", "targets", "profiles", "schema")


def test_the_version(program: Program) -> None:
    ended = program.run("--version")
    assert (ended.code, ended.stdout.split()[0]) == (0, "loadlab")
    assert ended.stdout.split()[1][0].isdigit()


def test_the_help_names_every_verb_and_gives_examples(program: Program) -> None:
    ended = program.run("--help")
    assert ended.code == 0
    assert all(f" {verb} " in ended.stdout for verb in VERBS)
    assert "loadlab run select-vs-epoll" in ended.stdout
    assert "Exit codes: 0 done" in ended.stdout
    assert "\x1b" not in ended.stdout


@pytest.mark.parametrize("verb", ["run", "report", "serve"])
def test_each_verb_has_help(program: Program, verb: str) -> None:
    ended = program.run(verb, "--help")
    assert (ended.code, ended.stderr) == (0, "")
    assert f"loadlab {verb}" in ended.stdout


@pytest.mark.parametrize(("verb", "name"), [("targets", "epoll"), ("profiles", "select-vs-epoll")])
def test_what_ships_is_listed_one_a_line_and_as_json(program: Program, verb: str, name: str) -> None:
    plain, as_json = program.run(verb), program.run(verb, "--json")
    listed = json.loads(as_json.stdout)
    assert (plain.code, as_json.code) == (0, 0)
    assert [line.split()[0] for line in plain.stdout.splitlines()] == list(listed)
    assert name in listed
    assert "\x1b" not in plain.stdout


@pytest.mark.parametrize("verb", ["targets", "schema"])
def test_a_reader_that_leaves_early_is_no_trouble(program: Program, verb: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as output:
        ended = subprocess.run(
            program.command(verb),
            stdout=output,
            stderr=subprocess.PIPE,
            env=program.environment,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_schema_is_one_for_editors(program: Program) -> None:
    schema = json.loads(program.run("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    for path in bundled_directory("profiles").glob("*.yaml"):
        profile = yaml.safe_load(path.read_text())
        model = KINDS[profile.get("kind", "load")].__name__
        assert set(profile) <= set(schema["$defs"][model]["properties"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_serve_answers_until_it_is_ended(program: Program, number: signal.Signals) -> None:
    with program.started("serve", "epoll") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline().removeprefix("READY "))
        with socket.create_connection(tuple(ready["address"]), timeout=DEADLINE_SECONDS) as client:
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1024).startswith(b"HTTP/1.1 200 OK\r\n")
        process.send_signal(number)
        ended = program.finish(process)
    assert (ended.code, ended.stderr) == (0, "")


def test_serve_on_a_port_in_use(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = program.run("serve", "epoll", "--port", str(port))
    assert ended.code == 2
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use; choose another address" in ended.stderr


def test_serve_prints_a_url_for_people(program: Program) -> None:
    with open_terminal(program, "serve", "epoll") as terminal:
        terminal.wait_shown(r"epoll listens at http://127\.0\.0\.1:\d+/ until Ctrl-C\.\s+It answers /hello, /cpu,")
        terminal.press_control_c()
        assert terminal.wait_ended() == 0
    assert "READY" not in terminal.shown
    assert "Traceback" not in terminal.shown


def test_each_server_has_its_own_help(program: Program) -> None:
    ended = program.run("serve", "epoll-threads", "--help")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: loadlab serve epoll-threads [OPTION]...\n")
    assert "--pool N" in ended.stdout
    assert "--port N" in ended.stdout
    assert "--trigger" not in ended.stdout


def test_an_option_takes_no_more_than_its_declaration_in_the_servers_file(program: Program, tmp_path: Path) -> None:
    directory = tmp_path / "targets"
    shutil.copytree(bundled_directory("targets"), directory)
    file = directory / "epoll_loop.py"
    burst = '"burst": {"default": 7, "minimum": 1, "maximum": 9, "about": "made up"},'
    file.write_text(file.read_text().replace('"options": {', f'"options": {{{burst}', 1))
    changed = program.driven("--targets", str(directory))
    assert "--burst N" in changed.run("serve", "epoll", "--help").stdout
    assert changed.run("serve", "epoll", "--burst", "10").stderr == "epoll: --burst: '10' is not a number from 1 to 9\n"
    assert json.loads(changed.run("targets", "--json").stdout)["epoll"]["options"]["burst"] == 7
    mistaken = changed.measure(QUICK, "--set", "target.burst=10")
    assert mistaken.stderr == "--set target.burst=10: target.burst: for epoll: must be at most 9, not 10\n"
    assert changed.measure(QUICK, "--set", "target.burst=8", "--set", "load.duration=20ms", ANY_VERDICT).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("epol",), "there is no bundled server 'epol'; did you mean 'epoll'?"),
        (("epoll", "--prot", "80"), "epoll: there is no option --prot; did you mean --port?"),
        (
            ("epoll", "--zzz"),
            "epoll: there is no option --zzz; `loadlab serve epoll --help` lists the options",
        ),
        (("epoll", "--trig", "edge"), "epoll: there is no option --trig; did you mean --trigger?"),
        (("epoll", "8080"), "epoll: unexpected argument '8080'; `loadlab serve epoll --help` lists the options"),
        (("epoll", "--port", "99999"), "epoll: --port: '99999' is not a number from 0 to 65535"),
        (("epoll", "--processes", "0"), "epoll: --processes: '0' is not a number from 1 to 1000"),
        (("epoll", "--upstream", "here"), "epoll: --upstream: 'here' is not of the form HOST:PORT"),
    ],
)
def test_serve_explains_what_it_does_not_understand(program: Program, arguments: tuple[str, ...], said: str) -> None:
    ended = program.run("serve", *arguments)
    assert (ended.code, ended.stdout, ended.stderr) == (2, "", f"{said}\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not a run directory: it has no run.json; name one that `loadlab run` wrote."),
        ("{", "run.json is not JSON"),
        ('{"schema": "loadlab.run/9"}', "run.json has the schema 'loadlab.run/9', this loadlab reads 'loadlab.run/1'"),
        ("\udcff", "it is not UTF-8 text, so the file is damaged."),
    ],
    ids=["absent", "not JSON", "of the future", "not text"],
)
def test_report_of_what_is_no_run(program: Program, tmp_path: Path, content: str | None, said: str) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    if content is not None:
        (directory / "run.json").write_bytes(content.encode(errors="surrogateescape"))
    ended = program.run("report", str(directory))
    assert (ended.code, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (directory / "index.html").exists()
