"""One thread per connection: straight, blocking code for each client, in one address space.

How it works. The main thread does nothing but accept. For each connection it starts a thread, which serves that one
client with plain blocking calls and ends when the client leaves. While a thread waits, it is not on the scheduler's
list and costs no time.

Where the cost lies. In memory: a stack for each connection, of which only the touched pages count, the kernel's own
stack, and the interpreter's state of the thread; some 25 KiB as long as handlers do little. In each request: the kernel
switches to the thread and away again. And in Python there is one more: only the thread that holds the interpreter's
lock (GIL) runs, so a woken thread first waits for it, and one that computes is asked for it only every 5 ms.

What it cannot do. Use a second core for Python code. Hold tens of thousands of connections: long before descriptors
run out, the limits of threads and memory maps are reached. A thread cannot be ended from outside, either, so the
process ends with its threads wherever they stand.
"""

import argparse
import select
import sys
import threading

import limits
from blocking import serve_client
from server import Listener, run

TARGET = {
    "name": "thread",
    "about": "one thread per connection, blocking",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {},
    "per_connection": "thread",
}

# The usual 8 MiB is address space, not memory; but thousands of them run into vm.overcommit and limits of containers.
# The deepest call that a handler makes, looking up a host name, takes about 70 KiB.
STACK_BYTES = 256 * 1024


def serve(listener: Listener, stop_fd: int, _options: argparse.Namespace) -> None:
    threading.stack_size(STACK_BYTES)
    watched = select.poll()
    watched.register(listener.fd, select.POLLIN)
    watched.register(stop_fd, select.POLLIN)
    while True:
        for fd, _events in watched.poll():
            if fd == stop_fd:
                return
            for client in listener.accept_waiting():
                try:
                    threading.Thread(target=serve_client, args=(client,), daemon=True).start()
                except RuntimeError:
                    client.close()  # the machine takes no further thread: this client is turned away


if __name__ == "__main__":
    sys.exit(run(TARGET, serve, limits.with_a_thread_each))
