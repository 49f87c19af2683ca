"""The recipes with scenarios in Python: their steps, names and checks, against real servers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..cli.program import Program
from .recipe import RECIPES, Recipe, Trials

BRIEF = "load.duration=1s"


def names(trial: dict[str, Any], level: str) -> set[str]:
    """Return the names of what was counted at a level and ended as expected."""
    return {kind["name"] for kind in trial["kinds"] if kind["level"] == level and kind["requests"]}


def measured(recipe: Recipe, *settings: str) -> Trials:
    """Run a recipe; no step, iteration or check of it fails."""
    trials = recipe.measured(BRIEF, *settings)
    for trial in trials:
        for kind in trial["kinds"]:
            assert set(kind["outcomes"]) <= {"ok", "cut"}, trial["failure_samples"]
        assert trial["checks"]
        assert all(check["failed"] == 0 and check["passed"] > 0 for check in trial["checks"])
    return trials


def test_customers_of_the_shop_are_of_several_kinds(recipe: Callable[[str], Recipe]) -> None:
    (trial,) = measured(recipe("scenario-shop"), "load.rate=[100]")
    assert names(trial, "step") == {"look", "compare", "order"}
    assert names(trial, "iteration") == {"visit"}
    assert {"GET /items", "GET /items/{id}", "POST /login", "POST /orders"} <= names(trial, "request")


def test_users_log_in_with_their_rows_and_are_themselves(recipe: Callable[[str], Recipe]) -> None:
    # A rate that leaves the core to others most of the time, however slow it is at hashing.
    trials = measured(recipe("scenario-login"), "load.rate=8", "load.arrivals=constant", "load.duration=2s")
    assert {trial["factors"]["target.env.HASH_IN"] for trial in trials} == {"loop", "thread"}
    for trial in trials:
        assert names(trial, "step") == {"log in", "work"}
        assert names(trial, "request") == {"POST /login", "GET /me", "POST /logout"}


def test_uploads_come_whole_in_all_three_ways(recipe: Callable[[str], Recipe]) -> None:
    trials = measured(recipe("scenario-upload"))
    ways = {trial["factors"]["load.scenario"].rpartition(":")[2]: trial for trial in trials}
    assert {way: names(trial, "iteration") for way, trial in ways.items()} == {
        way: {way} for way in ("as_form", "as_body", "as_stream")
    }


def test_pages_are_followed_at_both_ends_of_the_list(recipe: Callable[[str], Recipe]) -> None:
    for trial in measured(recipe("scenario-pagination")):
        assert names(trial, "step") == {"first pages", "last pages"}


def test_guests_talk_over_websockets(recipe: Callable[[str], Recipe]) -> None:
    (trial,) = measured(recipe("scenario-websocket"), "load.connections=[10]")
    assert names(trial, "step") == {"join", "message"}
    assert names(trial, "request") == {"POST /tickets", "WEBSOCKET /chat"}


def test_the_first_scenario_of_the_document_works_as_it_stands(tmp_path: Path) -> None:
    document = (RECIPES.parent / "scenarios.md").read_text()
    for kind, name in (("python", "shop.py"), ("yaml", "my.yaml")):
        (tmp_path / name).write_text(document.split(f"```{kind}\n")[1].split("```")[0])
    (tmp_path / "users.csv").write_text("name\nann\n")
    ended = Program(tmp_path).run("run", str(tmp_path / "my.yaml"), "--one")
    assert ended.code == 0, ended
    assert "1 of 1 check passed" in ended.stdout


def test_pytest_asserts_on_a_step(recipe: Callable[[str], Recipe]) -> None:
    project = recipe("scenario-pytest")
    with (project.folder / "profile.yaml").open("a") as profile:
        profile.write("\nretries: 0  # what a busy machine spoils is left so\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_checkout.py"]
    tests = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, text=True, timeout=100
    )
    assert tests.returncode == pytest.ExitCode.OK, tests.stdout + tests.stderr
