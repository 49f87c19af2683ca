"""Runs over TLS against nginx: what a user is shown of a session, of handshakes, and of those that fail."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from ...tls_peers import write_pem
from .foreign_servers import Foreign, nginx_serving
from .program import ANY_VERDICT, Ended, Program

PROFILE = """\
name: over-tls
target: {{address: "localhost:{port}", tls: {tls}}}
load: {{connections: 4, idle: 20, warmup: 50ms, duration: 400ms, timeout: 2s, connection: {connection}}}
"""


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(ca: trustme.CA, tmp_path: Path) -> Path:
    """A folder with the CA, the server's and the client's certificate and key."""
    server, client = ca.issue_cert("localhost"), ca.issue_cert("client.internal")
    write_pem(ca.cert_pem, tmp_path / "ca.pem")
    write_pem(server.private_key_and_cert_chain_pem, tmp_path / "server.pem")
    write_pem(client.cert_chain_pems[0], tmp_path / "client.pem")
    write_pem(client.private_key_pem, tmp_path / "client.key")
    return tmp_path


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(version: str, files: Path, need_program: Callable[[str], str]) -> Iterator[Foreign]:
    """An nginx that asks for a client certificate, and answers without one with status 400."""
    directives = (
        f"ssl_certificate {files}/server.pem; ssl_certificate_key {files}/server.pem; ssl_protocols {version}; "
        f"ssl_client_certificate {files}/ca.pem; ssl_verify_client on;"
    )
    with nginx_serving(need_program("nginx"), files, directives) as running:
        yield running


def measure(
    program: Program, server: Foreign, tls: str, connection: str = "keep-alive"
) -> tuple[Ended, dict[str, Any]]:
    """Return how a run ended, and its only trial."""
    ended = program.measure(PROFILE.format(port=server.port, tls=tls, connection=connection), ANY_VERDICT)
    (trial,) = program.document()["trials"]
    return ended, trial


@pytest.mark.parametrize("connection", ["keep-alive", "per-request"])
def test_a_session_and_its_handshakes_are_shown(
    program: Program, server: Foreign, files: Path, version: str, connection: str
) -> None:
    tls = f"{{ca: {files}/ca.pem, cert: {files}/client.pem, key: {files}/client.key}}"

    ended, trial = measure(program, server, tls, connection)

    assert ended.code == 0, ended.stderr
    assert trial["outcomes"].keys() <= {"ok", "cut"}
    assert trial["requests"] > 20
    assert trial["tls"]["version"] == version
    assert f"{version} with {trial['tls']['cipher']}" in ended.stderr + ended.stdout
    assert (trial["idle"]["opened"], trial["idle"]["alive"], trial["idle"]["problem"]) == (20, 20, None)
    if connection == "per-request":
        assert trial["handshake_ns"]["count"] == trial["connects"]["opened"]
        # A request that was under way when the window began has its connection from before.
        assert trial["connects"]["opened"] >= trial["requests"] - 4
    else:
        assert trial["connects"]["opened"] <= trial["requests"] / 100  # nginx closes each after 1,000 requests


@pytest.mark.parametrize("version", ["TLSv1.3"], indirect=True)
def test_a_name_that_does_not_match_is_the_reason(program: Program, server: Foreign, files: Path) -> None:
    ended, trial = measure(program, server, f"{{ca: {files}/ca.pem, server_name: app.internal}}")

    shown = ended.stderr + ended.stdout
    assert trial["requests"] == 0
    assert "the certificate is not valid for app.internal" in shown + str(trial)
    assert "Traceback" not in shown


@pytest.mark.parametrize("version", ["TLSv1.3"], indirect=True)
def test_without_the_client_certificate_nginx_answers_all_the_same(
    program: Program, server: Foreign, files: Path
) -> None:
    ended, trial = measure(program, server, f"{{ca: {files}/ca.pem}}", "per-request")

    assert ended.code == 0, ended.stderr
    assert trial["statuses"].keys() == {"400"}
    assert "400 No required SSL" in str(trial["failure_samples"])
