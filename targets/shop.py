"""A small shop: an application to write scenarios for, not an architecture to compare.

How it works. One thread on `loadlab.kernel`, a coroutine for each connection, and httptools (llhttp, Node.js's parser)
for requests, as they have bodies here, chunked ones too. What the shop does with a request is in `shop_pages.py`.

    POST /login {"name": "ann"}                     200 {"token": ...}
    GET  /items?page=1                              200 {"items": [20 of them], "next": "/items?page=2" or null}
    GET  /items/17                                  200 {"id": 17, "name": ..., "cents": ...}, or 404
    POST /orders {"item": 17, "quantity": 2}        201 {"id": ..., "cents": ...} with `Authorization: Bearer TOKEN`
    GET  /orders/1                                  200, or 404 once 10,000 others have been made
    POST /upload                                    200 {"files": [{"name": ..., "bytes": ..., "sha256": ...}]}
    GET  /session                                   200 {"visits": ...}, counted by a cookie
    GET  /slow?ms=50                                200, after so many milliseconds
    GET  /old                                       301 to /items
         /chat                                      a WebSocket whose messages come back

Where the cost lies. In Python, for each request: its parts, JSON, the answer. And at the registers, where an order is
paid for 20 ms: with four of them 200 orders per second are the most, and what comes faster queues.

What it cannot do. Forget a customer: a token is signed, not kept, and is good for as long as the server runs. Keep more
than 10,000 orders, or take a body of more than 16 MiB.
"""

import argparse
import os
import socket
import sys
from collections import deque
from pathlib import Path

# In a checkout the package lies beside this folder. Installed, it is found anyway.
if (Path(__file__).parents[1] / "loadlab").is_dir():
    sys.path.append(str(Path(__file__).parents[1]))

import websocket
from loadlab.kernel import Loop, TaskGroup, suspend
from loadlab.kernel import run as run_loop
from loadlab.kernel.sockets import discard, wait_received, wait_sent
from loadlab.kernel.tasks import Task
from server import Listener, run
from shop_pages import Shop
from shop_protocol import ShopReader, ShopRequest, format_answer

TARGET = {
    "name": "shop",
    "about": "a small shop to write scenarios for: log in, browse, order, upload, chat; on loadlab's own kernel",
    "handlers": ["login", "items", "orders", "upload", "session", "slow", "old", "chat"],
    "options": {
        "registers": {
            "default": 4,
            "minimum": 1,
            "maximum": 1000,
            "about": "where orders are paid, for 20 ms each",
        },
    },
}

PAYMENT_NS = 20_000_000
RECEIVE_BYTES = 64 * 1024
CHAT = "/chat"


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    async def main(loop: Loop) -> None:
        shop, registers = Shop(os.urandom(16)), Registers(loop, options.registers)
        async with loop.task_group() as tasks:
            tasks.start(accept_clients(loop, tasks, listener, shop, registers), "accept")
            await wait_stopped(loop, stop_fd)
            tasks.cancel()

    run_loop(main)


class Registers:
    """Where customers pay. Those who find none free queue, and are served in their order."""

    def __init__(self, loop: Loop, count: int) -> None:
        self._loop = loop
        self._free = count
        self._queue: deque[Task] = deque()

    async def pay(self) -> None:
        """Wait for a register, and pay."""
        if self._free:
            self._free -= 1
        else:
            self._queue.append(self._loop.current)
            await suspend()  # until one hands its register over
        await self._loop.sleep(PAYMENT_NS)
        if self._queue:
            self._loop.resume_soon(self._queue.popleft())
        else:
            self._free += 1


async def accept_clients(loop: Loop, tasks: TaskGroup, listener: Listener, shop: Shop, registers: Registers) -> None:
    loop.register(listener.fd)
    while True:
        for client in listener.accept_waiting():
            client.setblocking(False)
            loop.register(client.fileno())
            tasks.start(serve_client(loop, client, shop, registers), "client")
        await loop.wait_event(listener.fd)


async def serve_client(loop: Loop, client: socket.socket, shop: Shop, registers: Registers) -> None:
    """Answer one client's requests until it goes, or has a WebSocket."""
    reader = ShopReader()
    try:
        while data := await wait_received(loop, client, RECEIVE_BYTES):
            for request in reader.feed(data):
                if request.path == CHAT and request.problem is None:
                    await chat(loop, client, request, reader.rest)
                    return
                answer = shop.answer(request)
                if answer.delay_ms:
                    await loop.sleep(answer.delay_ms * 1_000_000)
                if answer.is_paid:
                    await registers.pay()
                await wait_sent(loop, client, format_answer(request, answer))
            if reader.finished:
                client.shutdown(socket.SHUT_WR)  # and read on until the client closes too
    except OSError:
        pass  # the client has gone; no other connection is concerned
    finally:
        discard(loop, client)


async def chat(loop: Loop, client: socket.socket, request: ShopRequest, data: bytes) -> None:
    """Send back each message of a WebSocket; `data` is what came behind the request for it."""
    response, is_accepted = websocket.answer_upgrade(request.without_body())
    await wait_sent(loop, client, response)
    if not is_accepted:
        client.shutdown(socket.SHUT_WR)
    echo = websocket.Echo()
    while True:
        if is_accepted and data:
            await wait_sent(loop, client, echo.feed(data))
            if echo.ended:
                client.shutdown(socket.SHUT_WR)
        data = await wait_received(loop, client, RECEIVE_BYTES)
        if not data:
            return


async def wait_stopped(loop: Loop, stop_fd: int) -> None:
    """Suspend until the descriptor can be read. An event alone does not mean that: it can be written, too."""
    os.set_blocking(stop_fd, False)
    loop.register(stop_fd)
    while True:
        try:
            os.read(stop_fd, 1)
            return
        except BlockingIOError:
            await loop.wait_event(stop_fd)


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
