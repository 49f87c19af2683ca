"""The shop: its requests with bodies, in pieces of any size, and what it answers."""

import hashlib
import itertools
import json
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .server_modules import load_module

protocol = load_module("shop_protocol")
pages = load_module("shop_pages")

Loaded = Any
"""Something of a module that is found at run time."""

LOGIN = b"POST /login?a=b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-a: 2\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
UPGRADE = b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def read(*pieces: bytes) -> tuple[list[Loaded], Loaded]:
    reader = protocol.ShopReader()
    return [request for piece in pieces for request in reader.feed(piece)], reader


def ask(shop: Loaded, path: str, body: object = None, **headers: str) -> tuple[int, Loaded, Loaded]:
    """Return status, what is in the JSON of the answer, and the answer itself."""
    path, _, query = path.partition("?")
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    method = "GET" if body is None else "POST"
    answer = shop.answer(protocol.ShopRequest(method, path, query, named, sent, keep_alive=True))
    return int(answer.status), json.loads(answer.body) if answer.content_type.endswith("json") else None, answer


@pytest.fixture
def shop() -> Loaded:
    return pages.Shop(b"secret")


@pytest.fixture
def bearer(shop: Loaded) -> str:
    return f"Bearer {ask(shop, '/login', {'name': 'ann'})[1]['token']}"


@given(st.lists(st.integers(0, len(LOGIN + CHUNKED + LAST)), max_size=8))
def test_requests_are_read_in_pieces_of_any_size(cuts: list[int]) -> None:
    sent = LOGIN + CHUNKED + LAST
    edges = [0, *sorted(cuts), len(sent)]
    (login, upload, last), reader = read(*(sent[a:b] for a, b in itertools.pairwise(edges)))
    assert (login.method, login.path, login.query, login.body) == ("POST", "/login", "a=b", b"body")
    assert login.headers["x-a"] == "1, 2"
    assert (upload.method, upload.body, upload.keep_alive) == ("PUT", b"abcde", True)
    assert (last.keep_alive, reader.finished, reader.feed(LOGIN)) == (False, True, [])


def test_what_follows_a_request_for_a_websocket_is_kept() -> None:
    (request,), reader = read(UPGRADE + b"\x81\x80mask")
    assert (reader.finished, reader.rest, request.keep_alive) == (True, b"\x81\x80mask", False)
    assert b"\r\nupgrade: websocket" in request.without_body().head


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"\x16\x03\x01", HTTPStatus.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 17000000\r\n\r\n" + b"x" * 17_000_000,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ),
    ],
)
def test_what_is_no_request_is_refused_once_and_ends_the_connection(
    shop: Loaded,
    sent: bytes,
    problem: HTTPStatus,
) -> None:
    (request,), reader = read(sent, b"GET / HTTP/1.1\r\n\r\n")
    assert (request.problem, reader.finished) == (problem, True)
    assert b"\r\nConnection: close\r\n" in protocol.format_answer(request, shop.answer(request))


def test_a_body_far_longer_than_a_head_is_no_long_head() -> None:
    body = b"x" * 100_000
    head = b"POST /upload HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
    requests, _ = read((head + body) * 3)
    assert [request.body for request in requests] == [body] * 3


def test_a_response_to_head_has_no_body(shop: Loaded) -> None:
    request = protocol.ShopRequest("HEAD", "/items/7", keep_alive=True)
    response = protocol.format_answer(request, shop.answer(request))
    assert response.endswith(b"\r\n\r\n")
    assert b"Content-Length: 40\r\n" in response


def test_all_pages_of_items_are_found_by_following_next(shop: Loaded) -> None:
    following, found = "/items", []
    while following:
        status, page, _ = ask(shop, following)
        assert status == 200
        found += [item["id"] for item in page["items"]]
        following = page["next"]
    assert found == list(range(1, 201))
    assert ask(shop, "/items/200")[1] == {"id": 200, "name": "lamp 200", "cents": 7900}


def test_an_order_needs_a_token_and_can_be_looked_up(shop: Loaded, bearer: str) -> None:
    assert ask(shop, "/orders", {"item": 3})[0] == 401
    assert ask(shop, "/orders", {"item": 3}, authorization=bearer[:-1] + "?")[0] == 401
    status, order, answer = ask(shop, "/orders", {"item": 3, "quantity": 2}, authorization=bearer)
    assert (status, order) == (201, {"id": 1, "item": 3, "quantity": 2, "cents": 1222})
    assert (answer.headers, answer.is_paid) == (("Location: /orders/1",), True)
    assert ask(shop, "/orders/1")[:2] == (200, order)
    assert pages.Shop(b"other").answer(
        protocol.ShopRequest("POST", "/orders", headers={"authorization": bearer}, body=b'{"item": 3}')
    ).status == HTTPStatus.UNAUTHORIZED  # fmt: skip


def test_the_last_orders_are_kept_and_no_more(
    shop: Loaded,
    bearer: str,
) -> None:
    for _ in range(pages.MOST_ORDERS + 1):
        ask(shop, "/orders", {"item": 1}, authorization=bearer)
    assert ask(shop, "/orders/1")[0] == 404
    assert [ask(shop, f"/orders/{number}")[1]["id"] for number in (2, 10_001)] == [2, 10_001]
    assert ask(shop, "/orders/10002")[0] == 404


def test_the_files_of_a_form_are_distinguished_whatever_is_in_them(shop: Loaded) -> None:
    content = b"\r\n--x\r\n\r\n" + bytes(range(256))
    form = (
        b'--frontier\r\nContent-Disposition: form-data; name="field"\r\n\r\n1\r\n'
        b'--frontier\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\nContent-Type: x/y\r\n\r\n'
        + content
        + b"\r\n--frontier--\r\n"
    )
    status, uploaded, _ = ask(shop, "/upload", form, content_type='multipart/form-data; boundary="frontier"')
    assert (status, [file["name"] for file in uploaded["files"]]) == (200, ["field", "a.bin"])
    assert uploaded["files"][1]["sha256"] == hashlib.sha256(content).hexdigest()
    assert ask(shop, "/upload", form[:-10], content_type="multipart/form-data; boundary=frontier")[0] == 400
    assert ask(shop, "/upload", form, content_type="multipart/form-data")[0] == 400


def test_visits_are_counted_by_a_cookie(shop: Loaded) -> None:
    assert ask(shop, "/session")[1] == {"visits": 1}
    _, counted, answer = ask(shop, "/session", cookie="theme=dark; visits=41")
    assert counted == {"visits": 42}
    assert answer.headers == ("Set-Cookie: visits=42; Path=/; HttpOnly",)
    assert ask(shop, "/session", cookie="visits=x; \x00")[1] == {"visits": 1}


def test_a_slow_answer_says_how_long_it_waits(shop: Loaded) -> None:
    assert ask(shop, "/slow?ms=20")[2].delay_ms == 20


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/nothing", None, 404),
        ("/items/1/2", None, 404),
        ("/items/201", None, 404),
        ("/items/x", None, 404),
        ("/items?page=11", None, 400),
        ("/slow?ms=x", None, 400),
        ("/login", None, 405),
        ("/login", b"{", 400),
        ("/login", b"[" * 100_000, 400),
        ("/login", [], 400),
        ("/login", {"name": ""}, 422),
        ("/old", None, 301),
        ("/", None, 200),
    ],
)
def test_what_is_wrong_has_its_status(shop: Loaded, path: str, body: object, status: int) -> None:
    assert ask(shop, path, body)[0] == status


@pytest.mark.parametrize("order", [{}, {"item": True}, {"item": 0}, {"item": 1, "quantity": 1001}, {"item": "1"}])
def test_an_order_of_something_else_is_refused(shop: Loaded, bearer: str, order: object) -> None:
    assert ask(shop, "/orders", order, authorization=bearer)[0] == 422
