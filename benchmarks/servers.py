"""The servers that the benchmarks of the client use, and what they answer: nginx and Node.js, each on one core."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes import spawn

NGINX_WITH_TLS: Final = "nginx-tls"
POSTED_BYTES: Final = 1024
_FILE_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers with: the server, the path that it is asked for, and how many bytes are posted to it."""

    about: str
    server: str
    path: str
    posted_bytes: int = 0


ANSWERS: Final = {
    "same": Answer("the same bytes each time", "nginx", "/same"),
    "unique": Answer("a unique X-Request-Id and body", "nginx", "/unique"),
    "json": Answer("a unique ETag, JSON body", "node", "/json"),
    "chunked": Answer("chunked, unique head", "node", "/chunked"),
    "file": Answer("100 kB body", "nginx", "/file"),
    "close": Answer("a connection for each request", "node", "/close"),
    "post": Answer("POST with a 1 kB body", "nginx", "/same", POSTED_BYTES),
    "tls": Answer("the same bytes each time, TLS 1.3", NGINX_WITH_TLS, "/same"),
    "tls-close": Answer("a TLS 1.3 handshake for each request", NGINX_WITH_TLS, "/close"),
}


@contextmanager
def start_nginx(port: int, core: int, tls: bool = False) -> Iterator[int]:
    """Run nginx, one worker process, within the block; give its port."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # its worker is another user
        (Path(directory) / "file").write_bytes(b"0123456789" * (_FILE_BYTES // 10))
        configuration = Path(directory) / "nginx.conf"
        if tls:
            subprocess.run(_MAKE_CERTIFICATE, cwd=directory, check=True, capture_output=True)
        conf = _NGINX_CONF.replace("{tls}", _NGINX_TLS if tls else "")
        configuration.write_text(conf.format(directory=directory, port=port, ssl="ssl" if tls else ""))
        with _serving(["nginx", "-c", str(configuration)], port, core):
            yield port


def start_nginx_with_tls(port: int, core: int) -> AbstractContextManager[int]:
    """Run nginx with TLS 1.3 and a self-signed certificate (RSA, 2048 bits) within the block; give its port."""
    return start_nginx(port, core, tls=True)


@contextmanager
def start_node(port: int, core: int) -> Iterator[int]:
    """Run Node.js within the block; give its port."""
    with _serving(["node", "-e", _NODE_PROGRAM.format(port=port)], port, core):
        yield port


STARTS: Final = {"nginx": start_nginx, NGINX_WITH_TLS: start_nginx_with_tls, "node": start_node}
"""What starts a server, by its name: given a port and a core."""


@contextmanager
def _serving(command: list[str], port: int, core: int) -> Iterator[None]:
    with spawn(command[0], command, cpus=[core]) as child:
        while True:
            if child.poll() is not None:
                sys.exit(f"{command[0]} {child.describe_exit()}: {child.stderr_tail()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield


_NGINX_CONF = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_header_buffer_size 4k;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {ssl};
        {tls}
        location /same {{ return 200 "Hello, world!\n"; }}
        location /close {{ keepalive_timeout 0; return 200 "Hello, world!\n"; }}
        location /unique {{ add_header X-Request-Id $request_id; return 200 "$request_id says hello, world!\n"; }}
        location /file {{ alias {directory}/file; }}
    }}
}}
"""

# Without sessions to resume, as wrk resumes them where it can, and a handshake that is not a whole one is not compared.
_NGINX_TLS = """
        ssl_certificate {directory}/certificate.pem;
        ssl_certificate_key {directory}/key.pem;
        ssl_protocols TLSv1.3;
        ssl_session_tickets off;
        ssl_session_cache off;
"""
_MAKE_CERTIFICATE: Final = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
    *("-keyout", "key.pem", "-out", "certificate.pem"),
)

# What a request costs Node.js itself is not the point, so there is no framework; its own fields are unique enough.
_NODE_PROGRAM = """
let number = 0;
require("http").createServer((request, response) => {{
    number += 1;
    const body = JSON.stringify({{id: number, name: "user " + number, tags: ["a", "b"], at: Date.now()}});
    const head = {{"ETag": `W/"${{number}}"`, "Content-Type": "application/json; charset=utf-8"}};
    if (request.url === "/close") head["Connection"] = "close";
    if (request.url !== "/chunked") head["Content-Length"] = Buffer.byteLength(body);
    response.writeHead(200, head);
    if (request.url === "/chunked") response.write(body.slice(0, 20)), response.end(body.slice(20));
    else response.end(body);
}}).listen({{port: {port}, host: "127.0.0.1", backlog: 4096}});
"""
