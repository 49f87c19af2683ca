"""A user's own server, with the faults that such servers have: `python own_server.py FAULT PORT|SOCKET [FILE]`.

With CERTIFICATE in its environment, a file with the private key too, it speaks TLS.
"""

import asyncio
import os
import signal
import ssl
import sys
import time
from typing import Final

_BACKLOG: Final = 100
_ENOUGH: Final = 20  # requests, after which some of them end
_LINE: Final = "x" * 1023 + "\n"


class OwnServer:
    """Answers every request, unless its fault is another."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._answered = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self._fault == "silent":
                    await asyncio.sleep(1000)
                writer.write(self._answer(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        self._answered += 1
        if self._answered == _ENOUGH and self._fault == "dies-in-between":
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(3)
        if self._answered <= _ENOUGH and self._fault == "chatty":
            for _ in range(5 * 512):
                sys.stdout.write(_LINE)
            sys.stdout.flush()
        if self._fault == "gibberish":
            return b"220 mail.example ESMTP\r\n\r\n"
        status = b"500 Out of order" if self._fault == "unhealthy" or b" /missing " in head else b"200 OK"
        return b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nok" % status


async def listen(fault: str, where: str) -> None:
    """Listen on a port of 127.0.0.1, or of ::1, or at a Unix socket."""
    server, tls = OwnServer(fault), None
    if certificate := os.environ.get("CERTIFICATE"):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    if "/" in where:
        listening = await asyncio.start_unix_server(server.serve, where, backlog=_BACKLOG, ssl=tls)
    else:
        host = "::1" if fault == "ipv6" else "127.0.0.1"
        listening = await asyncio.start_server(server.serve, host, int(where), backlog=_BACKLOG, ssl=tls)
    async with listening:
        await listening.serve_forever()


def leave_daemon(file: str) -> None:
    """Leave a process behind that has nothing to do with this one any more."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(file, "w") as written:
                written.write(str(os.getpid()))
            time.sleep(1000)
        os._exit(0)
    os.wait()


def main() -> None:
    fault, where, *files = sys.argv[1:]
    print(f"{fault} starts with WORKERS={os.environ.get('WORKERS')}", flush=True)
    match fault:
        case "late":
            time.sleep(1.0)
        case "never":
            time.sleep(1000)
        case "dies":
            sys.exit("there is no database")
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "daemon":
            leave_daemon(files[0])
        case "elsewhere":
            where = "0"
        case "in-use" | "always-in-use":
            if fault == "always-in-use" or not os.path.exists(files[0]):
                open(files[0], "w").close()
                sys.exit(f"[Errno 98] error while attempting to bind on address: address already in use ({where})")
    asyncio.run(listen(fault, where))


if __name__ == "__main__":
    main()
