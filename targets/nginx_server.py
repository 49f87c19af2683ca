"""nginx: an epoll loop in C, with worker processes that share the port. This file configures and starts it.

How it works. A master process reads the configuration and watches over the workers; each worker is one thread with one
epoll loop and a state machine per connection. The response to `hello` is part of the configuration.

Where the cost lies. Almost all of it in the kernel: it is the yardstick for what is left when the language costs
nothing.

What it cannot do. Run a handler of ours: it has `hello` only. It speaks TLS where it is asked to (`scheme: https`).
"""

import ctypes
import http.client
import os
import resource
import select
import shutil
import signal
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress

import limits
import shared_port
from certificate import make_certificate
from command_line import parse_arguments
from server import Listener, announce
from waits import ENVIRONMENT, Failure

TARGET = {
    "name": "nginx",
    "about": "nginx: an epoll loop in C, one for each worker process: the yardstick",
    "handlers": ["hello"],
    "options": {
        "processes": {
            "default": 1,
            "minimum": 1,
            "maximum": 1000,
            "counts": "listeners",
            "about": "worker processes that share the port",
        },
        "scheme": {
            "default": "http",
            "choices": ["http", "https"],
            "about": "plain, or over TLS with a certificate that the server makes for itself",
        },
    },
    "needs": {"program": "nginx", "install": "apt-get install nginx-light"},
}

CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
worker_processes {processes};
worker_rlimit_nofile {open_files};
events {{
    worker_connections {worker_connections};
    multi_accept on;
}}
http {{
    access_log off;
    # Idle connections are part of what is measured, so none is ever closed for being idle, or for its age.
    client_header_timeout 30d;
    keepalive_timeout 30d;
    keepalive_requests 1000000000;
    # What is not used has to be somewhere where we may write, too.
    client_body_temp_path {folder}/client-body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {address} backlog={backlog}{reuse_port}{tls};
        default_type text/plain;
        location = /hello {{ return 200 "Hello, world!\\n"; }}
        location = / {{ return 200 "Hello, world!\\n"; }}
        location / {{ return 404; }}
    }}
}}
"""

TLS = """ ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3"""

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2  # from <linux/prctl.h>


def main() -> int:
    """Become nginx; return where that is not possible, and in the child that says READY for it."""
    arguments = parse_arguments(TARGET)
    # Debian keeps it where the PATH of ordinary users does not lead.
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin")
    if nginx is None:
        return explain("it is not installed: apt-get install nginx-light")
    limits.raise_open_files_limit()
    try:
        # Bound here, as nginx does not say which port it got when it may take any.
        listener = Listener(arguments.host, arguments.port, arguments.backlog, shares_port=arguments.processes > 1)
    except (OSError, OverflowError) as error:
        return explain(
            f"cannot listen on {arguments.host} port {arguments.port}: {getattr(error, 'strerror', error)}; "
            "choose another address, or port 0 for any free one"
        )
    over_tls = arguments.scheme == "https"
    configuration = ENVIRONMENT.folder / "nginx.conf"
    try:
        configuration.write_text(configure(listener.address, arguments.backlog, arguments.processes, over_tls))
    except Failure as failure:
        return explain(str(failure))
    pidfd = os.pidfd_open(os.getpid())
    ready = {
        "address": listener.address,
        "pid": os.getpid(),
        "capabilities": {
            "handlers": TARGET["handlers"],
            "max_connections": shared_port.capacity(limits.with_a_descriptor_each(), arguments.processes),
            "backlog": min(arguments.backlog, limits.backlog()),
        },
    }
    if os.fork() == 0:
        address = listener.address
        listener.close()
        announce_when_answered(address, over_tls, ready)
        if arguments.folder is not None:
            os._exit(0)  # at once: what nginx takes of memory is read next, and this process is no part of it
        wait_for_end(pidfd)  # and then, being the one that remains, remove the folder
        return 0
    end_with_parent()
    # So one nginx hands its sockets on to another when the program is upgraded.
    os.set_inheritable(listener.fd, True)
    environment = {**os.environ, "NGINX": f"{listener.fd};"}
    os.execve(nginx, [nginx, "-p", str(ENVIRONMENT.folder), "-c", str(configuration)], environment)


def configure(address: tuple[str, int], backlog: int, processes: int, over_tls: bool) -> str:
    """Return nginx's configuration. Raises Failure where there is to be a certificate, and cannot be."""
    host, port = address
    tls = ""
    if over_tls:
        certificate, key = make_certificate(ENVIRONMENT.folder)
        tls = TLS.format(certificate=certificate, key=key)
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONFIGURATION.format(
        folder=ENVIRONMENT.folder,
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        backlog=backlog,
        processes=processes,
        reuse_port=" reuseport" if processes > 1 else "",
        tls=tls,
        open_files=open_files,
        # With less than a sixteenth of its connections free, a worker begins to close idle ones: so give it more of
        # them than it can have descriptors.
        worker_connections=open_files + open_files // 15 + 16,
    )


def announce_when_answered(address: tuple[str, int], over_tls: bool, ready: Mapping[str, object]) -> None:
    """Say READY as soon as nginx has answered a request; say nothing if it ends instead."""
    connection = http.client.HTTPConnection(*address)
    if over_tls:
        unverified = ssl._create_unverified_context()  # nobody else listens there
        connection = http.client.HTTPSConnection(*address, context=unverified)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/hello")
        if connection.getresponse().status == http.HTTPStatus.OK:
            announce("nginx", ready, "https" if over_tls else "http")
    connection.close()


def wait_for_end(pidfd: int) -> None:
    """Wait until nginx has ended, whatever ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches nginx as well as us
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    waiting.poll()


def end_with_parent() -> None:
    """If our parent has the kernel kill us when it ends (PR_SET_PDEATHSIG), have the kernel send SIGTERM instead.

    A master that is killed leaves its workers behind, and they go on serving.
    """
    libc = ctypes.CDLL(None)
    wanted = ctypes.c_int()
    libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(wanted), 0, 0, 0)
    if wanted.value:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def explain(reason: str) -> int:
    """Say why there is no server; return the exit code."""
    print(f"nginx: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
