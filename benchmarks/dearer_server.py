"""The bundled epoll server, with a handler `hello` that counts so far before it answers: for benchmarks.a_a.

    .venv/bin/python -m benchmarks.dearer_server 60 --port 8080

It is started for both sides of a comparison, so that they differ in nothing but the number.
"""

import sys

from loadlab.installation import bundled_directory

sys.path.insert(0, str(bundled_directory("targets")))

import epoll_loop
import handlers
import server
from http_protocol import Request


def main() -> None:
    """Serve until SIGTERM."""
    steps = range(int(sys.argv.pop(1)))

    def hello(request: Request) -> handlers.Steps:
        for _ in steps:
            pass
        return (yield from handlers.hello(request))

    handlers._HANDLERS_BY_PATH["/hello"] = hello
    sys.exit(server.run(epoll_loop.TARGET, epoll_loop.serve))


if __name__ == "__main__":
    main()
