"""A server of one thread under uvicorn, whose handler takes CPU time. It prints its port, and ends by a signal."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn

_CPU_SECONDS: Final = 0.0005


async def answer(
    scope: dict[str, Any],
    _receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer any request, after half a millisecond of work."""
    assert scope["type"] == "http"
    done = time.thread_time() + _CPU_SECONDS
    while time.thread_time() < done:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


def main() -> None:
    """Serve on a free port."""
    # With the protocol named asyncio sets TCP_NODELAY, so that head and body are sent at once.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(answer, lifespan="off", log_level="warning", loop="asyncio", http="httptools")
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
