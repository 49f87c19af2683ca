"""A scheduler as a user names it: which files of TLS belong together, and what is said without Dask."""

import sys
from pathlib import Path

import pytest
import trustme

from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import LoadlabError

ADDRESS = "tls://127.0.0.1:8786"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tls_ca_file": "ca.pem"}, "--tls-ca-file needs --tls-cert, and --tls-key unless its key is in the same file"),
        ({"tls_ca_file": "ca.pem", "tls_key": "key.pem"}, "--tls-key needs --tls-cert"),
        ({"tls_cert": "cert.pem", "tls_key": "key.pem"}, "--tls-cert needs --tls-ca-file"),
    ],
)
def test_a_file_that_needs_another_is_refused(files: dict[str, str], message: str) -> None:
    with pytest.raises(LoadlabError, match=message):
        Scheduler(ADDRESS, **files)


@pytest.mark.parametrize("key", [None, "key.pem"])
def test_a_certificate_may_hold_its_key(key: str | None) -> None:
    assert Scheduler(ADDRESS, "ca.pem", "cert.pem", key).tls_key == key


def test_files_of_tls_are_read_before_anything_else(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = ca.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ca.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "key.pem")
    with pytest.raises(LoadlabError, match=r"^--tls-key: the private key in .*key\.pem is not that of .*cert\.pem$"):
        Scheduler(ADDRESS, tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem").connect()
    with pytest.raises(LoadlabError, match=r"^--tls-ca-file: cannot read .*none\.pem: No such file"):
        Scheduler(ADDRESS, tmp_path / "none.pem", tmp_path / "cert.pem", tmp_path / "key.pem").connect()


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    for name in [name for name in sys.modules if name.startswith("loadlab.cluster.con")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(LoadlabError, match=r"--cluster needs Dask's package distributed, .*install .*\[cluster\]'$"):
        Scheduler("tcp://127.0.0.1:8786").connect()
