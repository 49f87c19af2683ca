"""httpx as a client of its own, for benchmarks/scenario.py.

    python -m benchmarks.httpx_client nothing|asyncio URL CONCURRENT SECONDS

`nothing` has a transport that only returns a ready response, and no loop; `asyncio` is one httpx.AsyncClient as its
manual shows it, with so many requests at the same time. Prints the requests, the CPU seconds and the seconds of its
measured window as a JSON list.
"""

import json
import sys
import time
from typing import Final

import httpx

_WARMUP_SECONDS: Final = 0.5


class ReadyResponse(httpx.AsyncBaseTransport):
    """A transport without a network."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return what the server of the benchmark would answer."""
        fields = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"13")]
        return httpx.Response(200, headers=fields, stream=httpx.ByteStream(b"Hello, world\n"))


def use_nothing(url: str, seconds: float) -> list[float]:
    """Ask the transport without a network, again and again."""

    async def ask_on_and_on() -> list[float]:
        client = httpx.AsyncClient(transport=ReadyResponse(), base_url=url, trust_env=False)
        requests, warm = 0, time.monotonic() + _WARMUP_SECONDS
        while time.monotonic() < warm:
            await client.get("/hello")
        begun, cpu_begun = time.monotonic(), time.process_time()
        while time.monotonic() < begun + seconds:
            await client.get("/hello")
            requests += 1
        return [requests, time.process_time() - cpu_begun, time.monotonic() - begun]

    try:
        ask_on_and_on().send(None)
    except StopIteration as end:
        figures: list[float] = end.value
        return figures
    raise AssertionError("a transport without a network waited for something")


def use_asyncio(url: str, concurrent: int, seconds: float) -> list[float]:
    """Ask a server, so many requests at a time."""
    import asyncio  # here, as the other client does without it

    async def main() -> list[float]:
        requests = 0

        async def ask_on_and_on(client: httpx.AsyncClient) -> None:
            nonlocal requests
            while True:
                await client.get("/hello")
                requests += 1

        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            users = [asyncio.create_task(ask_on_and_on(client)) for _ in range(concurrent)]
            await asyncio.sleep(_WARMUP_SECONDS)
            begun, cpu_begun, before = time.monotonic(), time.process_time(), requests
            await asyncio.sleep(seconds)
            figures = [requests - before, time.process_time() - cpu_begun, time.monotonic() - begun]
            for user in users:
                user.cancel()
            await asyncio.gather(*users, return_exceptions=True)
        return figures

    return asyncio.run(main())


if __name__ == "__main__":
    client, url, concurrent, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    print(json.dumps(use_nothing(url, seconds) if client == "nothing" else use_asyncio(url, concurrent, seconds)))
