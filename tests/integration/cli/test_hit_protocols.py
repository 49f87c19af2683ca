"""`loadlab hit` and `ab` by the scheme of a URL: WebSockets, plain TCP and streams of events, from a user's seat."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.errors import ExitCode
from loadlab.profile.address import format_address
from loadlab.results.run import RunDocument
from loadlab.targets import find_target, launch

from .program import Program

pytestmark = pytest.mark.timeout(180)

SHORT = ("-z", "300ms", "--warmup", "50ms", "-c", "4")
# The machine that runs the tests has other things to do: a verdict on that is no failure here.
MEASURED = (ExitCode.DONE, ExitCode.INVALID)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server that speaks HTTP and WebSocket."""
    with launch(find_target("coroutine")) as target:
        yield format_address(target.address)


@pytest.mark.parametrize(
    ("scheme", "path", "options", "counted"),
    [
        ("ws", "/echo", ("--message", "hello", "--matches", "^hello$"), "round trips/s"),
        ("tcp", "", ("--message", r"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", "--until", r"world!\n"), "round trips/s"),
        ("http", "/events?every=20ms", ("--events",), "events/s"),
        ("http", "/hello", ("--stream",), "requests/s"),
    ],
)
def test_what_is_spoken_is_what_is_counted(
    scheme: str, path: str, options: tuple[str, ...], counted: str, server: str, program: Program
) -> None:
    ended = program.run("hit", f"{scheme}://{server}{path}", *options, *SHORT)
    assert ended.code in MEASURED, ended.stderr
    assert f"{scheme}://{server}{path}" in ended.stdout
    assert re.search(rf"^{counted} +(?:at least )?[0-9]", ended.stdout, re.MULTILINE)
    assert re.search(r"^outcomes +ok [1-9]", ended.stdout, re.MULTILINE)
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_idle_websockets_beside_active_ones(server: str, program: Program) -> None:
    ended = program.run("hit", f"ws://{server}/echo", "--idle", "200", *SHORT, "--json")
    assert ended.code in MEASURED, ended.stderr
    trial = RunDocument.model_validate_json(ended.stdout).trials[0]
    assert trial.idle is not None
    assert (trial.protocol, trial.idle.protocol, trial.idle.alive) == ("websocket", "websocket", 200)
    assert trial.outcomes["ok"] > 0


def test_the_saved_profile_runs(server: str, program: Program, tmp_path: Path) -> None:
    saved = tmp_path / "my.yaml"
    ended = program.run("hit", f"ws://{server}/echo", "--message", "a: b", *SHORT, "--save-profile", str(saved))
    assert ended.code in MEASURED, ended.stderr
    assert "protocol: websocket" in saved.read_text()
    again = program.run("run", str(saved), "--accept-invalid", "--no-calibrate", "--json")
    assert again.code == ExitCode.DONE, again.stderr
    assert RunDocument.model_validate_json(again.stdout).trials[0].outcomes["ok"] > 0


def test_a_refused_handshake_is_named_with_its_status(server: str, program: Program) -> None:
    ended = program.run("hit", f"ws://{server}/nowhere", *SHORT)
    assert ended.code == ExitCode.INVALID
    assert "refused with status 404" in " ".join(ended.stdout.split())


def test_two_websocket_servers_are_compared(server: str, program: Program) -> None:
    url = f"ws://{server}/echo"
    ended = program.run("ab", url, url, "--at-most", "2s", "-c", "4")
    assert ended.code in MEASURED, ended.stderr
    assert "round trips" in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_nothing_that_listens_and_nothing_that_fits(server: str, program: Program) -> None:
    ended = program.run("hit", "ws://127.0.0.1:1/echo", *SHORT)
    assert (ended.code, ended.stderr) == (ExitCode.USAGE, "nothing listens at 127.0.0.1:1; start the server first\n")
    wrong = program.run("hit", f"ws://{server}/echo", "--until", "x")
    assert (wrong.code, wrong.stderr) == (ExitCode.USAGE, "--until is for tcp:// and tls://, not for ws://\n")
