"""Each recipe of docs/recipes, run as its README says, but for a moment only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

import loadlab

from ..cli.program import ANY_VERDICT, Ended, Program

RECIPES: Final = Path(loadlab.__file__).parents[1] / "docs/recipes"
Trials = list[dict[str, Any]]


class Recipe:
    """A copy of a recipe's folder, and the program started in it; gunicorn and uvicorn are found as in a venv."""

    def __init__(self, program: Program, name: str) -> None:
        self.folder = program.directory / name
        shutil.copytree(RECIPES / name, self.folder)
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"))
        # gunicorn has a socket for its own control in the home directory.
        settings = {"PATH": path, "HOME": str(program.directory)}
        self._program = replace(program, current=self.folder, settings=settings)

    def run(self, *settings: str) -> Ended:
        """Run its profile with these settings, warm-up and window shortened."""
        brief = ("load.warmup=100ms", "load.duration=400ms", *settings)
        changes = [word for each in brief for word in ("--set", each)]
        out = ("--out", str(self._program.reports), "--no-calibrate", "--repeat", "1", ANY_VERDICT)
        return self._program.run("run", "profile.yaml", *changes, *out)

    def trials(self) -> Trials:
        """The trials of the run, all of them done."""
        trials: Trials = self._program.document()["trials"]
        assert [trial["state"] for trial in trials] == ["done"] * len(trials)
        return trials

    def measured(self, *settings: str) -> Trials:
        """Run it; check that every trial had answers and nothing else, and that the page can be drawn."""
        ended = self.run(*settings)
        assert ended.code == 0, ended
        self._program.check_drawable()
        trials = self.trials()
        for trial in trials:
            assert trial["requests"] > 0
            assert set(trial["outcomes"]) <= {"ok", "cut"}, trial["failure_samples"]
        return trials


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str], Recipe]:
    """Give a function that returns a recipe by its name."""
    return lambda name: Recipe(Program(tmp_path), name)


def test_fastapi_under_uvicorn(recipe: Callable[[str], Recipe]) -> None:
    for trial in recipe("fastapi-uvicorn").measured("load.rate=[200, 400]"):
        kinds = {kind["name"]: kind for kind in trial["kinds"]}
        assert trial["compared"] > 0  # bodies are held against what the mix expects
        assert kinds["read"]["statuses"].keys() <= {"200"}
        assert kinds["add"]["statuses"].keys() <= {"201"}


def test_fastapi_under_gunicorn_with_a_number_of_workers(recipe: Callable[[str], Recipe]) -> None:
    trials = recipe("fastapi-gunicorn").measured("target.env.WEB_CONCURRENCY=[1, 3]")
    workers = {trial["factors"]["target.env.WEB_CONCURRENCY"]: trial["target"]["processes"] for trial in trials}
    assert workers == {1: 2, 3: 4}  # and the one that starts them


def test_gevent_keeps_idle_connections_apart(recipe: Callable[[str], Recipe]) -> None:
    trials = recipe("flask-gunicorn").measured("target.env.WORKER_CLASS=gevent", "load.idle=[0, 100]")
    assert [trial["idle"]["alive"] for trial in trials if trial["factors"]["load.idle"]] == [100]


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_workers_and_threads_are_held_by_idle_connections(recipe: Callable[[str], Recipe], worker_class: str) -> None:
    flask = recipe("flask-gunicorn")
    ended = flask.run(f"target.env.WORKER_CLASS={worker_class}", "load.idle=[0, 100]", "load.timeout=2s")
    trials = {trial["factors"]["load.idle"]: trial for trial in flask.trials()}
    assert trials[0]["requests"] > 0
    assert trials[100]["requests"] == 0
    assert "the target answered nothing beside" in ended.stderr


def test_nginx_keeps_idle_connections_from_the_application(
    recipe: Callable[[str], Recipe], need_program: Callable[[str], str]
) -> None:
    need_program("nginx")
    trials = recipe("nginx-proxy").measured("target.env.FRONT=nginx", "load.idle=[0, 100]")
    assert [trial["idle"]["alive"] for trial in trials if trial["factors"]["load.idle"]] == [100]


def test_node(recipe: Callable[[str], Recipe], need_program: Callable[[str], str]) -> None:
    need_program("node")
    assert len(recipe("nodejs").measured("load.idle=[0, 100]")) == 2


def test_redis(recipe: Callable[[str], Recipe], need_program: Callable[[str], str]) -> None:
    need_program("redis-server")
    for trial in recipe("redis").measured("load.idle=[0, 100]"):
        assert trial["protocol"] == "tcp"
        assert {kind["name"] for kind in trial["kinds"] if kind["requests"]} == {"SET", "INCR", "PING"}


def test_a_unix_socket_beside_tcp(recipe: Callable[[str], Recipe]) -> None:
    trials = recipe("unix-socket").measured()
    addresses = {
        trial["factors"]["target.env.GUNICORN_CMD_ARGS"].split()[-1]: trial["server"]["address"] for trial in trials
    }
    assert addresses["unix:{socket}"].startswith("unix:/")
    assert addresses["127.0.0.1:{port}"].startswith("127.0.0.1:")


def test_https_with_a_private_ca(recipe: Callable[[str], Recipe], need_program: Callable[[str], str]) -> None:
    need_program("openssl")
    https = recipe("https")
    subprocess.run(["./make-certificates.sh"], cwd=https.folder, check=True, capture_output=True)
    handshakes = {trial["factors"]["load.connection"]: trial for trial in https.measured()}
    assert handshakes["keep-alive"]["tls"]["version"].startswith("TLSv1.")
    each = handshakes["per-request"]
    assert abs(each["handshake_ns"]["count"] - each["requests"]) <= 16  # connections at the edges of the window


def test_ci_fails_when_each_idle_connection_costs_time(
    recipe: Callable[[str], Recipe], need_program: Callable[[str], str]
) -> None:
    need_program("node")
    ended = recipe("ci").run("target.env.COUNT=addresses", "load.duration=1s", "load.rate=500")
    assert ended.code == 1
    assert "expectation met: errors == 0" in ended.stderr
    assert "expectation not met: slope of cpu_per_request over load.idle" in ended.stderr
