"""The shop as a process, against httpx and the client of the package websockets."""

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.sync.client import connect

from .server_process import Server, serving, wait_until


@pytest.fixture
def shop() -> Iterator[Server]:
    with serving("shop") as running:
        yield running


@pytest.fixture
def client(shop: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{shop.address[0]}:{shop.address[1]}", trust_env=False, timeout=30) as opened:
        yield opened


def test_a_customer_logs_in_browses_and_orders(client: httpx.Client) -> None:
    token = client.post("/login", json={"name": "ann"}).raise_for_status().json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    item = client.get("/old", follow_redirects=True).json()["items"][4]
    placed = client.post("/orders", json={"item": item["id"], "quantity": 3})
    assert placed.status_code == 201
    assert client.get(placed.headers["Location"]).json()["cents"] == 3 * item["cents"]
    assert [client.get("/session").json()["visits"] for _ in range(3)] == [1, 2, 3]


def test_orders_queue_at_the_registers_and_nothing_else_does() -> None:
    with serving("shop", "--registers", "1") as shop, ThreadPoolExecutor(4) as threads:
        base = f"http://{shop.address[0]}:{shop.address[1]}"
        token = httpx.post(f"{base}/login", json={"name": "ann"}, trust_env=False).json()["token"]

        def order(item: int) -> int:
            bearer = {"Authorization": f"Bearer {token}"}
            return httpx.post(f"{base}/orders", json={"item": item}, headers=bearer, trust_env=False).status_code

        begun = time.monotonic()
        assert [*threads.map(order, range(1, 5))] == [201] * 4
        assert time.monotonic() - begun >= 4 * 0.02


def test_uploads_of_a_mebibyte_come_whole_as_a_form_and_chunked(client: httpx.Client) -> None:
    content = bytes(range(256)) * 4096
    digest = hashlib.sha256(content).hexdigest()
    (form,) = client.post("/upload", files={"file": ("a.bin", content)}).json()["files"]
    (chunked,) = client.post("/upload", content=iter([content[:7], content[7:]])).json()["files"]
    assert form == {"name": "a.bin", "bytes": 1 << 20, "sha256": digest}
    assert chunked == {"name": None, "bytes": 1 << 20, "sha256": digest}


def test_a_slow_answer_keeps_nobody_else_waiting(shop: Server, client: httpx.Client) -> None:
    with shop.connect() as slow:
        slow.sendall(b"GET /slow?ms=60000 HTTP/1.1\r\n\r\n")
        wait_until(lambda: shop.has_read(slow))
        assert client.get("/slow?ms=1").json() == {"waited_ms": 1}


def test_chat_sends_messages_back_until_it_is_closed(shop: Server) -> None:
    with connect(f"ws://{shop.address[0]}:{shop.address[1]}/chat", proxy=None) as chat:
        for message in ("hello", b"\x00\xff", "x" * 100_000):
            chat.send(message)
            assert chat.recv(30) == message
    assert chat.close_code == 1000


def test_a_request_without_a_websocket_is_refused_at_chat(client: httpx.Client) -> None:
    assert client.get("/chat").status_code == 426
    assert client.get("/items").status_code == 200
