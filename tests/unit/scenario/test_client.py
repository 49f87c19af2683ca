"""The client of a user builds the requests that httpx's own client builds."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from loadlab.scenario.client import MOST_URLS, UrlCache, UserClient

BASE = "http://shop:8000/api"


def clients(urls: UrlCache | None = None, **settings: Any) -> tuple[UserClient, httpx.AsyncClient]:  # noqa: ANN401
    chosen = {"base_url": BASE, "timeout": 3, "trust_env": False, **settings}
    return UserClient({} if urls is None else urls, **chosen), httpx.AsyncClient(**chosen)


def described(request: httpx.Request) -> tuple[object, ...]:
    fields = request.headers.raw
    return request.method, str(request.url), fields, request.extensions, request.read()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"params": {"a": "b"}},
        {"params": {}},
        {"headers": {"X": "y", "user-agent": "own"}},
        {"json": {"a": [1]}},
        {"json": None},
        {"data": {"a": "1"}},
        {"content": b"raw"},
        {"content": ""},
        {"timeout": 1},
        {"timeout": None},
        {"timeout": httpx.Timeout(5, read=1)},
        {"extensions": {"name": "n"}},
        {"extensions": {"timeout": {"read": 1.0}}},
        {"extensions": None, "params": None, "headers": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("url", ["/items", "items?x=1", "http://other/x", "", "/ü b", "/items?x=1#fragment"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_is_that_of_httpx(method: str, url: str, settings: dict[str, Any]) -> None:
    ours, theirs = clients()
    for _ in range(2):  # the second from a URL that is known
        assert described(ours.build_request(method, url, **settings)) == described(
            theirs.build_request(method, url, **settings)
        )


def set_headers(client: httpx.AsyncClient) -> None:
    client.headers["Authorization"] = "Bearer t"
    del client.headers["user-agent"]


def set_cookies(client: httpx.AsyncClient) -> None:
    client.cookies.set("a", "b")


def replace_cookies(client: httpx.AsyncClient) -> None:
    client.cookies = httpx.Cookies({"c": "d"})


def set_params(client: httpx.AsyncClient) -> None:
    client.params = httpx.QueryParams({"key": "k"})


def set_base(client: httpx.AsyncClient) -> None:
    client.base_url = httpx.URL("https://elsewhere/v2/")


def set_timeout(client: httpx.AsyncClient) -> None:
    client.timeout = httpx.Timeout(7, connect=1)


@pytest.mark.parametrize(
    "change", [set_headers, set_cookies, replace_cookies, set_params, set_base, set_timeout], ids=lambda f: f.__name__
)
def test_what_is_set_on_the_client_counts_from_then_on(change: Callable[[httpx.AsyncClient], None]) -> None:
    ours, theirs = clients()
    for client in (ours, theirs):
        client.build_request("GET", "/items")
        change(client)
    assert described(ours.build_request("GET", "/items?x=1")) == described(theirs.build_request("GET", "/items?x=1"))


def test_a_request_is_independent_of_the_client_and_of_others() -> None:
    ours, _ = clients()
    first, second = ours.build_request("GET", "/"), ours.build_request("GET", "/")
    first.headers["X"] = "y"
    assert "X" not in second.headers
    assert "X" not in ours.headers
    assert first.url is not None
    assert str(second.url) == f"{BASE}/"


def test_urls_are_kept_for_all_users_and_bounded() -> None:
    urls: UrlCache = {}
    one, _ = clients(urls)
    two, _ = clients(urls, base_url="http://other")
    assert str(one.build_request("GET", "/x").url) == f"{BASE}/x"
    assert str(two.build_request("GET", "/x").url) == "http://other/x"
    for number in range(2 * MOST_URLS):
        assert str(one.build_request("GET", f"/{number}").url) == f"{BASE}/{number}"
    assert len(urls) == MOST_URLS


def test_cookies_are_taken_where_an_answer_sets_some() -> None:
    ours, _ = clients()
    request = ours.build_request("GET", "/")
    ours.cookies.extract_cookies(httpx.Response(200, request=request))
    assert not ours.cookies
    answer = httpx.Response(200, headers=[("Set-Cookie", "a=1"), ("set-cookie", "b=2; Path=/none")], request=request)
    ours.cookies.extract_cookies(answer)
    assert sorted(ours.cookies.items()) == [("a", "1"), ("b", "2")]
    assert ours.build_request("GET", "/").headers["cookie"] == "a=1"
