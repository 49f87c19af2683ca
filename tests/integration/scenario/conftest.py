"""Servers to run scenarios against, and what holds of all of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from loadlab.tls import TlsSettings

from .worker import Server

_APP = Path(__file__).with_name("httpx_app.py")


@contextmanager
def serving_app(where: str, certificate: Path | None = None) -> Iterator[int]:
    """Serve httpx_app there; give its port."""
    environment = {**os.environ, **({} if certificate is None else {"CERTIFICATE": str(certificate)})}
    command = [sys.executable, str(_APP), where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="session")
def app() -> Iterator[Server]:
    """httpx_app on a port of 127.0.0.1."""
    with serving_app("tcp") as port:
        yield Server.at(("127.0.0.1", port))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the certificate of an authority, `ca.pem`, and one for localhost with its key, `server.pem`."""
    folder, ca = tmp_path_factory.mktemp("tls"), trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder


@pytest.fixture(scope="session")
def tls_app(authority: Path) -> Iterator[Server]:
    """httpx_app over TLS."""
    with serving_app("tcp", authority / "server.pem") as port:
        settings = TlsSettings("localhost", ca=str(authority / "ca.pem"))
        yield Server(("127.0.0.1", port), f"localhost:{port}", settings)


@pytest.fixture(autouse=True)
def _no_descriptor_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    for name in ("app", "tls_app"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before
