"""The client of Python's `websockets`, as a load generator for benchmarks/websocket.py: it echoes as fast as it can.

    python -m benchmarks.websockets_client URL MESSAGE CONNECTIONS SECONDS

Prints the round trips, the CPU seconds and the seconds of its measured window as a JSON list.
"""

import asyncio
import json
import sys
import time
from typing import Final

from websockets.asyncio.client import ClientConnection, connect

_WARMUP_SECONDS: Final = 0.5


async def main(url: str, message: str, connections: int, seconds: float) -> list[float]:
    """Return round trips, CPU seconds and seconds of the window."""
    round_trips = 0

    async def send_on_and_on(connection: ClientConnection) -> None:
        nonlocal round_trips
        while True:
            await connection.send(message)
            await connection.recv()
            round_trips += 1

    # permessage-deflate is off, as loadlab does not offer it; pings would not come within the window.
    opened = [await connect(url, compression=None, ping_interval=None) for _ in range(connections)]
    users = [asyncio.create_task(send_on_and_on(connection)) for connection in opened]
    await asyncio.sleep(_WARMUP_SECONDS)
    begun, cpu_begun, sent_before = time.monotonic(), time.process_time(), round_trips
    await asyncio.sleep(seconds)
    figures = [round_trips - sent_before, time.process_time() - cpu_begun, time.monotonic() - begun]
    for user in users:
        user.cancel()
    for connection in opened:
        connection.transport.abort()
    return figures


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
