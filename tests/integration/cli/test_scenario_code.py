"""What a scenario's own code does to its worker: it blocks, it brings other event loops, or it does neither."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .program import ANY_VERDICT, Program

PROFILE = """\
name: code
target: {server: shop}
load: {scenario: shop.py:browse, connections: 20, warmup: 100ms, duration: 1500ms, timeout: 5s}
"""


def trial_of(program: Program, scenario: str, *arguments: str) -> dict[str, Any]:
    """Run the scenario; return its trial."""
    (program.directory / "shop.py").write_text(scenario)
    ended = program.measure(PROFILE, ANY_VERDICT, *arguments)
    assert ended.code == 0, ended.stderr
    trial: dict[str, Any] = program.document()["trials"][0]
    return trial


@contextmanager
def busy_machine() -> Iterator[None]:
    """Have four programs compute as fast as they can."""
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def test_code_that_blocks_is_reported_with_its_line(program: Program) -> None:
    scenario = """\
import time
import helpers

async def browse(user):
    await user.http.get("/items")
    if user.number == 3:
        time.sleep(0.2)
    if user.number == 4:
        helpers.compute()
    await user.thread(time.sleep, 0.1)
"""
    (program.directory / "helpers.py").write_text("""\
import time

def compute():
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
""")
    trial = trial_of(program, scenario)
    blocking = {found["where"]: found for found in trial["blocking"]}
    assert blocking["shop.py:7"]["code"] == "time.sleep(0.2)"
    assert blocking["shop.py:7"]["longest_ns"] >= 150_000_000
    assert {where.partition(":")[0] for where in blocking} == {"shop.py", "helpers.py"}
    assert "blocking_code" in {finding["code"] for finding in trial["verdict"]["findings"]}


def test_a_busy_machine_is_not_blamed_on_a_plain_scenario(program: Program) -> None:
    scenario = """\
import json

async def browse(user):
    async with user.step("browse"):
        answer = await user.http.get("/items", params={"page": user.random.randint(1, 9)})
    user.check(len(json.loads(answer.text)["items"]) == 20, "a page of items")
    await user.sleep(0.001)
"""
    with busy_machine():
        trial = trial_of(program, scenario)
    assert trial["requests"] > 0
    assert trial["blocking"] == []


def test_a_worker_has_no_other_event_loop(program: Program) -> None:
    scenario = """\
import sys
import httpx

def others():
    return {"asyncio", "anyio", "trio", "httpcore"} & set(sys.modules)

async def browse(user):
    await user.http.get("/items")
    user.check(not others(), "none")
    await user.sleep(0.1)
"""
    (check,) = trial_of(program, scenario)["checks"]
    assert check["passed"] > 0
    assert check["failed"] == 0


def test_a_library_that_imports_asyncio_in_passing_can_be_used_in_threads(program: Program) -> None:
    scenario = """\
from unittest import mock

async def browse(user):
    await user.http.get("/items")
    user.check(await user.thread(mock.Mock(return_value=7)) == 7, "called")
    await user.sleep(0.1)
"""
    (check,) = trial_of(program, scenario)["checks"]
    assert check["passed"] > 0
    assert check["failed"] == 0


def test_an_import_of_asyncio_that_is_found_in_the_run_ends_it_with_what_to_use_instead(program: Program) -> None:
    (program.directory / "shop.py").write_text("""\
import importlib
asyncio = importlib.import_module("asyncio")

async def browse(user):
    await asyncio.sleep(1)
""")
    ended = program.measure(PROFILE)
    assert ended.code == 2
    assert "shop.py:2 needs asyncio, but a scenario runs on loadlab's own event loop" in ended.stderr
    assert "user.sleep to wait" in ended.stderr


def test_awaiting_something_of_another_loop_is_a_script_error_that_names_it(program: Program) -> None:
    (program.directory / "shop.py").write_text("""\
class Future:
    def __await__(self):
        yield self

async def browse(user):
    await user.http.get("/items")
    await Future()
""")
    ended = program.measure(PROFILE)
    assert ended.code == 2
    assert "shop.py:7 in browse\n" in ended.stderr
    assert "it awaits Future of shop, but a scenario runs on loadlab's own event loop" in ended.stderr
