"""The users of a worker: their numbers and rows, setup and teardown, and what cannot be run; without a network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.failures import Failure
from loadlab.load.pacing import Gate
from loadlab.load.stamping import Stamping
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.load import Place, ScenarioLoad
from loadlab.scenario.other_loops import permit_other_loops
from loadlab.scenario.script import ScriptError


@dataclass
class Source:
    """A scenario as a worker is given it."""

    files: dict[str, str]
    function: str = "checkout"
    main: str = "/scenarios/shop.py"
    authority: str = "127.0.0.1:8000"
    statuses: Sequence[int] = (200,)
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    shared: bytes = b"null"
    allow_remote: list[str] = field(default_factory=list)


@pytest.fixture(autouse=True)
def refused(monkeypatch: pytest.MonkeyPatch) -> object:
    """No server listens; and what a worker forbids itself is permitted afterwards."""

    async def refuse(*_: object) -> Failure:
        return Failure(Outcome.REFUSED, "refused")

    monkeypatch.setattr("loadlab.scenario.pool.try_connection", refuse)
    yield
    permit_other_loops()


def load_of(loop: Loop, text: str, users: int = 2, share: int = 0, shares: int = 1, **fields: object) -> ScenarioLoad:
    source = Source({"/scenarios/shop.py": dedent(text)}, **fields)  # type: ignore[arg-type]
    place = Place(share, shares, 7, ("127.0.0.1", 8000), None, [(None, users)], 1_000_000_000)
    return ScenarioLoad(loop, source, place, Gate(loop), Stamping(), BlockingWatch(waited=lambda: 0))


NUMBERED = """
    import json
    users = []
    async def on_start(user):
        users.append([user.number, user.data, user.shared])
    async def checkout(user):
        pass
    async def setup(shared):
        return users
"""


def test_users_have_their_numbers_and_rows() -> None:
    async def main(loop: Loop) -> object:
        rows = [["alice", "1"], ["bob", "2"]]
        load = load_of(loop, NUMBERED, 3, 1, 4, columns=["name", "id"], rows=rows, shared=b'{"a": 1}')
        await load.open()
        assert load.in_flight == load.iterations_under_way == 0
        script = load._script
        assert script.setup is not None
        coroutine = script.setup(None)
        with pytest.raises(StopIteration) as end:
            coroutine.send(None)
        load.close()
        return end.value.value

    alice, bob = {"name": "alice", "id": "1"}, {"name": "bob", "id": "2"}
    assert run(main) == [[1, alice, {"a": 1}], [5, bob, {"a": 1}], [9, alice, {"a": 1}]]


def test_an_error_of_on_start_ends_the_run_with_its_lines() -> None:
    async def main(loop: Loop) -> None:
        load = load_of(loop, "async def checkout(user): pass\nasync def on_start(user):\n    user.data['x']", 1)
        with pytest.raises(ScriptError, match=r"(?s)shop.py:3 in on_start\n    user.data\['x'\]\nKeyError: 'x'"):
            await load.open()
        load.close()

    run(main)


@pytest.mark.parametrize("text", ["async def other(user): pass", "import nowhere_to_be_found", "def checkout(user): 1"])
def test_what_cannot_be_run(text: str) -> None:
    async def main(loop: Loop) -> None:
        with pytest.raises(ScriptError, match="shop"):
            await load_of(loop, text).open()

    run(main)


SHARED = """
    async def checkout(user): pass
    async def setup(shared):
        return {"rows": [row["name"] for row in shared.data], "draw": shared.random.random()}
    async def teardown(shared):
        assert shared.shared == {"token": "t"}
"""


def test_setup_and_teardown() -> None:
    async def main(loop: Loop) -> tuple[object, bytes]:
        given: dict[str, Any] = {"columns": ["name"], "rows": [["alice"], ["bob"]], "shared": b'{"token": "t"}'}
        made = [json.loads(await load_of(loop, SHARED, **given).call_shared("setup")) for _ in range(2)]
        assert made[0] == made[1]  # the same seed
        return made[0]["rows"], await load_of(loop, SHARED, **given).call_shared("teardown")

    assert run(main) == (["alice", "bob"], b"null")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return {1, 2}", "plain data"),
        ("return object()", "plain data"),
        ("raise ValueError('no')", "ValueError: no"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("await shared.http.get('/')", "ConnectError"),
    ],
)
def test_a_setup_that_fails(body: str, problem: str) -> None:
    async def main(loop: Loop) -> None:
        text = f"async def checkout(user): pass\nasync def setup(shared):\n    {body}"
        with pytest.raises(ScriptError, match=problem):
            await load_of(loop, text).call_shared("setup")

    run(main)


def test_without_setup_nothing_is_shared() -> None:
    async def main(loop: Loop) -> list[bytes]:
        load = load_of(loop, "async def checkout(user): pass")
        return [await load.call_shared("setup"), await load.call_shared("teardown")]

    assert run(main) == [b"null", b"null"]


def test_all_users_take_their_leave_and_a_few_problems_are_reported() -> None:
    async def main(loop: Loop) -> list[str]:
        text = """
            async def checkout(user): pass
            async def on_stop(user):
                if user.number % 2:
                    raise KeyError(user.number)
        """
        load = load_of(loop, text, 10)
        await load.open()
        problems = await load.leave()
        load.close()
        return problems

    problems = run(main)
    assert len(problems) == 3
    assert all(problem.startswith("on_stop: ") and "KeyError" in problem for problem in problems)
