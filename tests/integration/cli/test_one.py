"""`loadlab run PROFILE --one`: one iteration of a scenario in the foreground, against a real server."""

import json
import re
import signal
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from .program import Ended, Program, wait_until
from .terminal import open_terminal

PROFILE = """\
name: shop
target: {server: shop}
load: {scenario: shop.py:checkout, connections: 50, rate: 10, duration: 60s, timeout: 5s, data: {file: users.csv}}
"""
SHOP = """\
async def setup(shared):
    print("users:", len(shared.data))
    return {"page": 3}

async def on_start(user):
    response = await user.http.post("/login", json={"name": user.data["name"], "pin": user.data["password"]})
    user.http.headers["Authorization"] = "Bearer " + response.json()["token"]

async def checkout(user):
    async with user.step("browse"):
        await user.http.get("/items", params={"page": user.shared["page"]})
        print("got a", end=" ")
        print("page")
    await user.sleep(0.01)
    response = await user.http.post("/orders", json={"item": 7, "quantity": 2})
    user.check(response.status_code == 201, "order accepted")

async def on_stop(user):
    print("bye", user.number)

async def teardown(shared):
    print("page", shared.shared["page"])
"""


def run_one(program: Program, scenario: str, *arguments: str) -> Ended:
    write(program, scenario)
    return program.run("run", str(program.directory / "profile.yaml"), "--one", *arguments)


def write(program: Program, scenario: str) -> None:
    (program.directory / "profile.yaml").write_text(PROFILE)
    (program.directory / "shop.py").write_text(scenario)
    (program.directory / "users.csv").write_text("name,password\nann,geheim77\nbob,geheim88\n")


def in_order(text: str, *patterns: str) -> None:
    """Check that lines of that form come in this order."""
    rest = text
    for pattern in patterns:
        found = re.search(rf"^{pattern}$", rest, re.MULTILINE)
        assert found, f"no line {pattern} in the rest of:\n{text}"
        rest = rest[found.end() :]


def test_an_iteration_is_shown_from_setup_to_teardown(program: Program, tmp_path: Path) -> None:
    ended = run_one(program, SHOP)
    assert (ended.code, ended.stderr) == (0, ""), ended.stdout
    in_order(
        ended.stdout,
        r"user 0 of 127\.0\.0\.1:\d+: name=ann, password=\*\*\*",
        "setup",
        "  users: 2",
        "setup: ok, .*s",
        "on_start",
        r"  → 1 POST http://127\.0\.0\.1:\d+/login",
        "      User-Agent: python-httpx/.*",
        r'      {"name": "ann", "pin": "\*\*\*"}',
        "  ← 1 200 OK, .*s, .* bytes",
        r'      {"token": "\*\*\*"}',
        "on_start: ok, .*s, 1 request",
        "checkout",
        "  browse",
        r"    → 2 GET http://127\.0\.0\.1:\d+/items\?page=3",
        r"        Authorization: Bearer \*\*\*",
        "    ← 2 200 OK, .*",
        "    got a page",
        "  browse: ok, .*s",
        "  sleep 10 ms",
        "  → 3 POST .*/orders",
        "  ← 3 201 Created, .*",
        "  ✓ order accepted",
        "checkout: ok, .*s, 2 requests, 1 of 1 check passed",
        "on_stop",
        "  bye 0",
        "on_stop: ok, .*",
        "teardown",
        "  page 3",
        "teardown: ok, .*",
    )
    assert "geheim" not in ended.stdout
    assert "\x1b" not in ended.stdout
    assert sorted(each.name for each in tmp_path.iterdir()) == ["profile.yaml", "shop.py", "users.csv"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("user.check(False, 'is shown')", "  ✗ is shown"),
        ("await user.http.get('/items/9999')", "  ← 1 404 Not Found, .*, not an expected status"),
        ("await user.http.get('/slow?ms=5000', timeout=0.2)", "checkout: timeout, .*s, 1 request"),
        ("(await user.http.get('/items/9999')).raise_for_status()", "checkout: status, .*s, 1 request"),
    ],
)
def test_what_fails_by_the_server_is_code_1(program: Program, body: str, shown: str) -> None:
    ended = run_one(program, f"async def checkout(user):\n    {body}\n")
    assert ended.code == 1, ended
    in_order(ended.stdout, shown)


def test_an_expected_status_of_a_request_is_no_failure(program: Program) -> None:
    body = "await user.http.get('/items/9999', extensions={'expect_status': 404})"
    assert run_one(program, f"async def checkout(user):\n    {body}\n").code == 0


def test_an_error_of_the_scenario_is_code_2_with_its_lines(program: Program) -> None:
    ended = run_one(
        program, "async def checkout(user):\n    helper({})\n\ndef helper(found):\n    return found['token']\n"
    )
    assert ended.code == 2
    in_order(
        ended.stdout,
        "  .*shop.py:2 in checkout",
        r"      helper\({}\)",
        "  .*shop.py:5 in helper",
        "  KeyError: 'token'",
        "checkout: script error, .*s",
    )


def test_an_error_in_setup_ends_it(program: Program) -> None:
    ended = run_one(program, "async def setup(shared):\n    1 / 0\n\nasync def checkout(user):\n    print('never')\n")
    assert ended.code == 2
    in_order(ended.stdout, "  ZeroDivisionError: division by zero", "setup: script error, .*s")
    assert "never" not in ended.stdout


def test_a_file_that_cannot_be_executed_is_one_error(program: Program) -> None:
    ended = run_one(program, "async def checkout(user): ...\nraise LookupError('of token=abcdefgh')\n")
    assert ended.code == 2
    assert ended.stderr.endswith("LookupError: of token=***\n")


def test_a_mistake_in_the_sources_is_found_before_anything_is_started(program: Program) -> None:
    ended = run_one(program, "def checkout(user): ...\n")
    assert ended.code == 2
    assert ended.stderr.endswith("shop.py:1: checkout is not a coroutine; write async def checkout(user)\n")
    assert ended.stdout == ""


def test_code_that_blocks_is_shown(program: Program) -> None:
    ended = run_one(program, "import time\nasync def checkout(user):\n    time.sleep(0.3)\n")
    assert ended.code == 0
    in_order(ended.stdout, r"  .*shop.py:3 blocks all users for .*ms: time.sleep\(0.3\)")


def test_what_a_framework_answers_is_shown_as_it_means_it(program: Program) -> None:
    scenario = """\
        async def checkout(user):
            await user.http.get("/packed")
            await user.http.post("/upload", files={"file": ("a.bin", b"x" * 1000)})
            async with user.http.stream("GET", "/lines") as response:
                async for line in response.aiter_lines():
                    print("got", line)
            await user.http.get("/session")
            await user.http.get("/session")
            async with await user.websocket("/chat") as chat:
                await chat.send("hi")
                await chat.receive()
        """
    write(program, dedent(scenario))
    app = Path(__file__).with_name("shown_app.py")
    command = ["uvicorn", "shown_app:app", "--port", "{port}", "--app-dir", str(app.parent)]
    settings = ("--set", f"target.command={json.dumps([sys.executable, '-m', *command])}")
    ended = program.run("run", str(program.directory / "profile.yaml"), "--one", *settings)
    assert ended.code == 0, ended
    in_order(
        ended.stdout,
        "  ← 1 200 OK, .*",
        "      content-encoding: gzip",
        r'      {"text": "(hello )+"}',
        "  → 2 POST .*/upload",
        "      Content-Type: multipart/form-data; boundary=.*",
        r'      {"size": 1000}',
        "  got line 2",
        "  ← 3 200 OK, .*",
        "      line 0",
        r"      set-cookie: session=\*\*\*; Path=/; SameSite=lax",
        "  → 5 GET .*/session",
        r"      Cookie: session=\*\*\*",
        "  ← 6 101 Switching Protocols, .*",
        "  → /chat message, 2 bytes",
        "      hi",
        "  ← /chat message, 7 bytes",
        "      echo hi",
        "  ← /chat closed 1000",
        "checkout: ok, .*s, 6 requests",
    )


def test_settings_choose_the_scenario_and_its_target(program: Program) -> None:
    write(program, "async def checkout(user): ...\nasync def greet(user):\n    await user.http.get('/hello')\n")
    scenario = f"load.scenario={program.directory}/shop.py:greet"
    arguments = ("--set", scenario, "--set", "target.server=coroutine")
    ended = program.run("run", str(program.directory / "profile.yaml"), "--one", *arguments)
    assert ended.code == 0
    in_order(ended.stdout, "greet", "  ← 1 200 OK, .*", "greet: ok, .*")


def test_there_is_no_iteration_without_a_scenario(program: Program) -> None:
    ended = program.run("run", "select-vs-epoll", "--one")
    assert (ended.code, ended.stdout) == (2, "")
    assert "--one runs an iteration of a scenario, and this profile has none; set load.scenario" in ended.stderr


def test_ctrl_c_ends_a_scenario_that_sleeps(program: Program) -> None:
    write(program, "async def checkout(user):\n    print('here')\n    await user.sleep(600)\n")
    with program.started("run", str(program.directory / "profile.yaml"), "--one") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        wait_until(lambda: "sleep 600 s" in next(lines))
        process.send_signal(signal.SIGINT)
        ended = program.finish(process)
    assert (ended.code, ended.stderr) == (130, "")


def test_a_scenario_that_never_waits_is_ended_by_ctrl_c(program: Program) -> None:
    write(program, "async def checkout(user):\n    print('here')\n    await user.sleep(0)\n    while True: pass\n")
    with program.started("run", str(program.directory / "profile.yaml"), "--one") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        wait_until(lambda: "here" in next(lines))
        process.send_signal(signal.SIGINT)
        ended = program.finish(process)
    assert ended.code == 130


def test_a_terminal_has_colours(program: Program) -> None:
    write(program, "async def checkout(user):\n    user.check(False, 'is red')\n")
    with open_terminal(program, "run", str(program.directory / "profile.yaml"), "--one") as terminal:
        terminal.wait_shown("is red")
        assert terminal.wait_ended() == 1
        assert b"\x1b[31m" in terminal.raw


def test_an_iteration_is_not_printed_as_json(program: Program) -> None:
    ended = run_one(program, "async def checkout(user): ...\n", "--json")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == "--one prints lines for people; leave out --json\n"
