"""A server that notes when requests arrive, by the address that they come from, and prints it when it is asked to end.

python arrivals_server.py HOST      prints its port, and after SIGTERM {address: [ns on the monotonic clock, ...]}
"""

import asyncio
import json
import signal
import sys
import time
from collections import defaultdict

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Noting(asyncio.Protocol):
    """Answers requests without a body."""

    def __init__(self, arrivals: dict[str, list[int]]) -> None:
        self._arrivals = arrivals
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer: str = transport.get_extra_info("peername")[0]

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        *whole, self._received = (self._received + data).split(b"\r\n\r\n")
        self._arrivals[self._peer] += [now_ns] * len(whole)
        self._transport.write(ANSWER * len(whole))


async def serve(host: str) -> None:
    arrivals: dict[str, list[int]] = defaultdict(list)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Noting(arrivals), host, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps(arrivals), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
