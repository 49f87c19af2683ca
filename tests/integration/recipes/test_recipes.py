"""Each recipe of docs/recipes, run as its README says, but for a moment only."""

import subprocess
from collections.abc import Callable

import pytest

from .recipe import Recipe


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
    ended = recipe("ci").run("target.env.COUNT=addresses", "load.duration=1s", "load.rate=200")
    assert ended.code == 1
    assert "expectation met: errors == 0" in ended.stderr
    assert "expectation not met: slope of cpu_per_request over load.idle" in ended.stderr
