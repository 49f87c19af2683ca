"""A server of the package `websockets` that sends each message back; `--help` has what it can do besides.

It prints its port, or 0 where it listens at a Unix socket, and says when it is ended how each connection was closed.
"""

import argparse
import asyncio
import os
import signal
import ssl
import sys
from collections import Counter
from contextlib import suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosed


async def run(arguments: argparse.Namespace) -> None:
    closed: Counter[str] = Counter()

    async def echo(connection: ServerConnection) -> None:
        try:
            while True:
                message = await connection.recv()
                for _ in range(arguments.unasked):
                    await connection.send("news")
                await connection.send(message)
        except ConnectionClosed as end:
            closed[str(end.rcvd.code if end.rcvd else "without a close frame")] += 1

    context = None
    if arguments.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate)
    settings: dict[str, Any] = {
        "ssl": context,
        "ping_interval": arguments.ping_interval,
        "ping_timeout": arguments.ping_timeout,
        "subprotocols": arguments.subprotocol,
        "compression": None,
    }
    if arguments.unix is None:
        serving = serve(echo, "127.0.0.1", 0, **settings)
    else:
        serving = unix_serve(echo, arguments.unix, **settings)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serving as server:
        print(server.sockets[0].getsockname()[1] if arguments.unix is None else 0, flush=True)
        await ended.wait()
    with suppress(BrokenPipeError):  # nobody may be interested
        os.write(sys.stdout.fileno(), f"{dict(closed)}\n".encode())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--unix", metavar="PATH")
    parser.add_argument("--certificate", metavar="PEM")
    parser.add_argument("--ping-interval", type=float)
    parser.add_argument("--ping-timeout", type=float)
    parser.add_argument("--subprotocol", action="append")
    parser.add_argument("--unasked", type=int, default=0, help="messages before each answer")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
