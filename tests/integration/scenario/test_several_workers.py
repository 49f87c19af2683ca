"""A scenario in several workers of a whole run: who is who, with which row, and what is summed."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import loadlab

pytestmark = pytest.mark.timeout(120)

SHOP = """
    import sys

    async def setup(shared):
        return {"rows": [row["name"] for row in shared.data], "draw": shared.random.random()}

    async def on_start(user):
        user.seen = 0

    async def checkout(user):
        rows = user.shared["rows"]
        user.check(user.data["name"] == rows[user.number % len(rows)], "has its row")
        user.check(user.number < 10, "is one of ten")
        if user.seen == 0:
            user.check(True, f"user {user.number}")
            user.check(True, f"draw {user.random.random():.9f} of {user.number}")
        user.seen += 1
        loops = {"asyncio", "anyio", "trio", "curio"} & sys.modules.keys()
        user.check(not loops, "no other loop is imported")
        user.check(not {"httpcore", "requests", "aiohttp"} & sys.modules.keys(), "nor another client")
        async with user.step("look"):
            await user.http.get(f"/?page={user.random.randint(1, 9)}")
        await user.sleep(0.005)
"""


def run(folder: Path, **load: object) -> Any:  # noqa: ANN401 - a trial
    (folder / "shop.py").write_text(dedent(SHOP))
    (folder / "users.csv").write_text("name\nalice\nbob\ncarol\n")
    profile = folder / "profile.yaml"
    settings = {f"load.{key}": value for key, value in load.items()}
    profile.write_text(
        dedent("""
            name: shop
            seed: 42
            retries: 0
            target: {server: epoll}
            load:
              scenario: shop.py:checkout
              workers: 2
              connections: 10
              data: {file: users.csv}
              warmup: 0s
              duration: 700ms
        """)
    )
    return loadlab.run_profile(profile, settings=settings, calibrate=False).trial


@pytest.mark.parametrize(
    "load", [{}, {"rate": 200}, {"connection": "per-request"}], ids=["closed", "open", "per-request"]
)
def test_users_of_all_workers(tmp_path: Path, load: dict[str, object]) -> None:
    trial = run(tmp_path, **load)
    checks = {check.name: (check.passed, check.failed) for check in trial.checks}
    assert {name for name in checks if name.startswith("user ")} == {f"user {number}" for number in range(10)}
    assert not {name: counts for name, counts in checks.items() if counts[1]}
    iterations = trial.iterations
    assert iterations is not None
    assert iterations.outcomes["ok"] > 10
    assert trial.step("look").outcomes["ok"] >= iterations.outcomes["ok"]
    assert trial.request("GET /").outcomes["ok"] == trial.requests == trial.step("look").outcomes["ok"]
    assert trial.outcomes["ok"] == trial.requests
    if "rate" in load:
        undone = sum(iterations.outcomes.get(outcome, 0) for outcome in ("cut", "dropped"))
        assert iterations.outcomes["ok"] + undone == 140
    if "connection" in load:
        assert trial.connects.opened >= trial.requests - 10  # which were opened before the load


def test_the_same_seed_gives_the_same_draws_however_many_workers_there_are(tmp_path: Path) -> None:
    trials = [run(tmp_path, workers=workers) for workers in (2, 1)]
    draws = [{check.name for check in trial.checks if check.name.startswith("draw ")} for trial in trials]
    assert len(draws[0]) == 10
    assert draws[0] == draws[1]
