"""The figures of a scenario, over rounds and workers, as its code knows them."""

import hashlib
from pathlib import Path

import pytest

import loadlab
from loadlab.export.rows import rows_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

pytestmark = pytest.mark.timeout(180)

SCENARIO = """\
import time


async def visit(user):
    async with user.step("look. around"):
        page = await user.http.get("/items", params={"page": 1})
        item = page.json()["items"][0]
        await user.http.get(f"/items/{item['id']}", extensions={"name": "an item"})
    user.check(user.number % 2 == 0, "number is even")
    await user.sleep(0.01)


async def fails(user):
    await user.http.get("/items/1")
    if user.number % 2:
        raise KeyError("mine")


async def blocks(user):
    await user.http.get("/items/1")
    time.sleep(0.08)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenario")
    (folder / "shop.py").write_text(SCENARIO)
    return folder


def run(folder: Path, function: str, out: Path | None = None, **changes: object) -> RunDocument:
    load = {"scenario": f"{folder}/shop.py:{function}", "connections": 4, "duration": "400ms", "warmup": "100ms"}
    profile = {"name": "figures", "target": {"server": "shop"}, "load": load, "retries": 0}
    return loadlab.run_profile(profile | changes, out=out, calibrate=False)


def test_figures_over_rounds_and_workers_agree_with_each_other(folder: Path, tmp_path: Path) -> None:
    document = run(
        folder,
        "visit",
        out=tmp_path,
        rounds=4,
        load={
            "scenario": f"{folder}/shop.py:visit",
            "connections": 4,
            "workers": 2,
            "duration": "300ms",
            "warmup": "100ms",
        },
        expect=["steps.look. around.p99 < 10s", "kinds.an item.failures == 0", "steps.look around.requests > 0"],
    )
    (trial,) = document.trials
    assert [(kind.level, kind.name) for kind in trial.kinds[2:]] == [("step", "look. around"), ("iteration", "visit")]
    assert {kind.name for kind in trial.kinds[:2]} == {"GET /items", "an item"}
    iterations, step, item = trial.kinds[-1], trial.step("look. around"), trial.request("an item")
    # What is under way at an edge of a window has ended in one of them for some, and not yet for others.
    users = 4
    assert trial.requests == sum(kind.requests for kind in trial.kinds if kind.level == "request")
    assert abs(step.requests - item.requests) <= users
    assert abs(iterations.requests - step.requests) <= users
    (check,) = trial.checks
    assert abs(check.passed + check.failed - iterations.requests) <= users
    assert min(check.passed, check.failed) > 0  # both workers have users of either kind
    assert iterations.outcomes["cut"] <= users  # not once for each round
    assert {"steps.look. around.response_ns.p50", "iterations.response_ns.p50"} <= set(trial.confidence)
    assert [each.met for each in trial.expectations] == [True, True, False]
    assert "no step 'look around': this scenario had look. around" in trial.expectations[2].measured
    assert trial.outcomes["ok"] == trial.requests
    assert document.directory is not None
    source = (document.directory / "scenario" / "shop.py").read_bytes()
    assert document.scenario_files == {"shop.py": hashlib.sha256(source).hexdigest()}
    tags = RunDirectory.open(document.directory).read_latencies(trial.id)
    assert tags["response/steps/look._around"].count == step.requests
    assert tags["response/iterations"].count == iterations.requests
    (row,) = rows_of(document)
    assert row["steps.look. around.requests"] == step.requests


def test_errors_of_its_own_have_their_share_and_their_line(folder: Path) -> None:
    (trial,) = run(folder, "fails").trials
    (finding,) = [each for each in trial.verdict.findings if each.code == "script_errors"]
    assert finding.severity == "suspect"
    assert "KeyError: 'mine' (shop.py:" in finding.evidence
    assert "in fails)" in finding.evidence
    assert trial.iterations is not None
    assert trial.iterations.outcomes["script_error"] > 0 < trial.iterations.requests


def test_a_line_that_blocks_is_named(folder: Path) -> None:
    (trial,) = run(folder, "blocks").trials
    (finding,) = [each for each in trial.verdict.findings if each.code == "blocking_code"]
    line = SCENARIO.splitlines().index("    time.sleep(0.08)") + 1
    assert f"blocks at shop.py:{line}, time.sleep(0.08)" in finding.text
