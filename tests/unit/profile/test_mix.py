"""Requests: one path, or a mix with weights, names and expected statuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from loadlab.profile import LoadProfile


def profile(target: dict[str, Any] | None = None, **load: Any) -> LoadProfile:  # noqa: ANN401 - as in YAML
    data = {
        "name": "x",
        "target": target or {"server": "epoll"},
        "load": {"connections": 1, "duration": "1s", **load},
    }
    return LoadProfile.model_validate(data)


@pytest.mark.parametrize(
    ("target", "load", "path", "name"),
    [
        ({"server": "epoll"}, {}, "/hello", "hello"),
        ({"server": "epoll", "handler": "disk-read"}, {}, "/disk-read", "disk-read"),
        ({"server": "epoll"}, {"path": "/cpu?us=5,6.7"}, "/cpu?us=5,6.7", "cpu?us=5;6;7"),
        ({"server": "epoll"}, {"path": "/"}, "/", "/"),
        ({"server": "epoll"}, {"path": "/" + "x" * 100}, "/" + "x" * 100, "x" * 64),
    ],
)
def test_without_a_mix_there_is_one_request(target: dict[str, Any], load: dict[str, Any], path: str, name: str) -> None:
    (request,) = profile(target, **load, expect_status=201).requests
    assert (request.path, request.name, request.weight, request.expect_status) == (path, name, 1, 201)


def test_a_mix_is_reported_by_path_weight_and_name() -> None:
    mix = [{"path": "/hello", "weight": "1k"}, {"path": "/sleep?ms=5", "name": "nap", "expect_status": 503}]
    hello, nap = profile(mix=mix).requests
    assert (hello.path, hello.name, hello.weight, hello.expect_status) == ("/hello", "hello", 1000, ("2xx", "3xx"))
    assert (nap.path, nap.name, nap.weight, nap.expect_status) == ("/sleep?ms=5", "nap", 1, 503)


def test_a_path_is_kept_as_written_and_sent_in_ascii() -> None:
    mixed = profile(mix=[{"path": "/straße?q=ü%20b"}, {"path": "/事", "name": "things"}])
    assert mixed.load.mix is not None
    assert [request.path for request in mixed.load.mix] == ["/straße?q=ü%20b", "/事"]
    assert [(request.path, request.name) for request in mixed.requests] == [
        ("/stra%C3%9Fe?q=%C3%BC%20b", "stra%C3%9Fe?q=%C3%BC%20b"),
        ("/%E4%BA%8B", "things"),
    ]
    (request,) = profile(path="/ä").requests
    assert (request.path, request.name) == ("/%C3%A4", "%C3%A4")


def test_a_mix_dumped_as_json_is_the_same_mix() -> None:
    mixed = profile(mix=[{"path": "/hello"}, {"path": "/cpu?us=1,2", "weight": 3}])
    assert LoadProfile.model_validate(mixed.model_dump(mode="json", by_alias=True)) == mixed


@pytest.mark.parametrize("count", [0, 17])
def test_a_mix_has_one_to_sixteen_requests(count: int) -> None:
    with pytest.raises(ValidationError):
        profile(mix=[{"path": f"/{number}"} for number in range(count)])
    assert len(profile(mix=[{"path": f"/{number}"} for number in range(16)]).requests) == 16
