"""The way to a cluster that is not there, is not ready, is encrypted, or is something else."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from distributed import Client

from loadlab.cluster import connecting, workers
from loadlab.cluster.connecting import ClusterTls, connect
from loadlab.errors import LoadlabError
from loadlab.installation import DISTRIBUTION

from .dask_cluster import dask_cluster

pytestmark = pytest.mark.timeout(120)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(LoadlabError, match=r"nothing answers as the Dask scheduler at tcp://127\.0\.0\.1:1: check"):
        connect("tcp://127.0.0.1:1")


@pytest.mark.parametrize("address", ["nowhere", "carrier://pigeon:1"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(LoadlabError, match=rf"--cluster {address}: .*; an address is tcp://HOST:PORT"):
        connect(address)


@contextmanager
def other_server(greeting: bytes = b"") -> Iterator[str]:
    """Accept connections, and send them a greeting of no protocol of Dask's, or nothing."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    accepted.append(listening.accept()[0])
                    accepted[-1].sendall(greeting)

        accepting = threading.Thread(target=accept)
        accepting.start()
        host, port = listening.getsockname()
        yield f"tcp://{host}:{port}"
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for each in accepted:
        each.close()


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(connecting, "_GREETING_SECONDS", 0.5)
    with other_server() as address, pytest.raises(LoadlabError, match="does not answer as a Dask scheduler: check"):
        connect(address)


def test_a_server_of_another_protocol_is_no_scheduler() -> None:
    """Dask takes the beginning of the answer for its length: three exabytes."""
    greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with other_server(greeting) as address, pytest.raises(LoadlabError, match="does not answer as a Dask scheduler"):
        connect(address)


def test_files_of_tls_are_not_for_a_scheduler_without(tmp_path: Path) -> None:
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    with pytest.raises(LoadlabError, match=r"tcp://127\.0\.0\.1:1 must be reached by TLS, .*: use tls://"):
        connect("tcp://127.0.0.1:1", ClusterTls(str(tmp_path / "ca.pem"), str(tmp_path / "both.pem")))


def test_no_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_WORKERS_SECONDS", 0.5)
    with (
        dask_cluster(tmp_path, names=()) as dask,
        pytest.raises(LoadlabError, match=r"has no workers: start one on each client machine \(dask worker tcp://"),
    ):
        connect(dask.address)


def test_other_versions_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {"python": "3.99.1", DISTRIBUTION: "0.0", "distributed": "1.0"}
    monkeypatch.setattr(workers, "get_versions", lambda _: {"packages": packages})
    monkeypatch.setattr(workers, "_SETTLED_SECONDS", 0.1)
    with (
        dask_cluster(tmp_path, names=("one",)) as dask,
        pytest.raises(
            LoadlabError, match=r"here loadlab 0\.0, Python 3\.99 and distributed 1\.0; tcp://.*: loadlab .* P"
        ),
    ):
        connect(dask.address)


def test_a_worker_that_is_stopped_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dask_cluster(tmp_path) as dask:
        with connect(dask.address) as cluster:
            [address] = [machine.address for machine in cluster.machines if machine.name == "two"]
        monkeypatch.setattr(workers, "_ANSWER_SECONDS", 1.0)  # not before: they had to import loadlab
        os.kill(dask.workers["two"].pid, signal.SIGSTOP)
        with pytest.raises(LoadlabError, match=f"the Dask worker at {address} has not answered for 1 s"):
            connect(dask.address)
        os.kill(dask.workers["two"].pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two directories, each with an authority's ca.pem, and cert.pem that it has signed."""
    directories = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("theirs")
    for directory in directories:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(directory / "ca.pem"))
        signed = authority.issue_cert("127.0.0.1")
        signed.private_key_and_cert_chain_pem.write_to_path(str(directory / "cert.pem"))
    return directories


def test_tls(authorities: tuple[Path, Path], tmp_path: Path) -> None:
    ours, theirs = authorities
    settings = [f"--tls-ca-file={ours / 'ca.pem'}", f"--tls-cert={ours / 'cert.pem'}", f"--tls-key={ours / 'cert.pem'}"]
    with dask_cluster(tmp_path, names=("one",), tls=settings) as dask:
        with connect(dask.address, ClusterTls(str(ours / "ca.pem"), str(ours / "cert.pem"))) as cluster:
            assert [machine.name for machine in cluster.machines] == ["one"]
        with pytest.raises(LoadlabError, match=r"takes TLS: pass --tls-ca-file, --tls-cert and --tls-key"):
            connect(dask.address)
        with pytest.raises(LoadlabError, match="its certificate is not signed by that CA"):
            connect(dask.address, ClusterTls(str(theirs / "ca.pem"), str(ours / "cert.pem")))
        with pytest.raises(LoadlabError, match="does not accept these TLS settings"):
            connect(dask.address, ClusterTls(str(ours / "ca.pem"), str(theirs / "cert.pem")))


def test_a_dask_client_of_the_callers_own_does_not_matter(tmp_path: Path) -> None:
    with dask_cluster(tmp_path, ["one"]) as dask, Client(dask.address), connect(dask.address) as cluster:
        cluster.measure_clocks()
        assert [machine.problem for machine in cluster.machines] == [None]
