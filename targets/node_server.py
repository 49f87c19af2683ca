"""Node.js itself: a real http server in JavaScript, node_server.js. This file only starts it.

WebSockets are those of the package `ws`, which most servers on Node.js use; it is found in the current directory's
node_modules, among the global packages, and by NODE_PATH.

How it works. As `callback` does: one thread, an event loop (libuv, on epoll), and a function for what comes later.
The loop and the HTTP parser are C, the handlers are JavaScript, compiled to machine code as they run.

Where the cost lies. In the objects made for each request: a request, a response, their headers, their events; and in
collecting them later.

What it cannot do. Use a second core, or serve anyone while a function computes. Files are read and written by four
threads of libuv. A client for SQLite or PostgreSQL does not come with it, so there is no handler `database`.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import handlers
import limits
from command_line import parse_arguments
from waits import ENVIRONMENT

TARGET = {
    "name": "node",
    "about": "Node.js: its own http server, the callback loop of JavaScript",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "upstream", "echo", "events", "tcp-echo"],
    "options": {
        "ping-seconds": {
            "default": 0,
            "minimum": 0,
            "maximum": 3600,
            "about": "pings each WebSocket so often, and closes those that do not answer; 0: never",
        },
        "perf-map": {"default": False, "about": "name JavaScript's functions for perf (--perf-basic-prof)"},
    },
    "needs": {"program": "node", "install": "apt-get install nodejs"},
    "handler_needs": {"echo": {"package": "ws", "install": "npm install ws"}},
}


def main() -> int:
    """Become Node.js; return only where that is not possible."""
    arguments = parse_arguments(TARGET)
    node = shutil.which("node")
    if node is None:
        print("node: Node.js is not installed: apt-get install nodejs", file=sys.stderr)
        return 2
    limits.raise_open_files_limit()
    configuration = {
        "host": arguments.host,
        "port": arguments.port,
        "backlog": arguments.backlog,
        "folder": str(ENVIRONMENT.folder),
        "folderIsTemporary": arguments.folder is None,
        "perfMapIsWritten": arguments.perf_map,
        "pingSeconds": arguments.ping_seconds,
        "tcpEcho": arguments.tcp_echo,
        "upstream": ENVIRONMENT.upstream,
        "capabilities": {
            "handlers": handlers.available(TARGET, arguments.tcp_echo),
            "max_connections": limits.with_a_descriptor_each(),
            "backlog": min(arguments.backlog, limits.backlog()),
        },
    }
    # perf looks for names in /tmp/perf-PID.map and nowhere else; node_server.js removes the file at the end. V8 begins
    # a log of its own as well, in the current directory, unless a temporary file (+) is its name.
    naming = ["--perf-basic-prof", "--no-logfile-per-isolate", "--logfile=+"] if arguments.perf_map else []
    os.execv(node, [node, *naming, str(Path(__file__).with_suffix(".js")), json.dumps(configuration)])


if __name__ == "__main__":
    sys.exit(main())
