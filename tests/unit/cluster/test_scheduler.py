"""A scheduler as a user names it: which files of TLS belong together, and what is said without Dask."""

import sys

import pytest

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


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    for name in [name for name in sys.modules if name.startswith("loadlab.cluster.con")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(LoadlabError, match=r"--cluster needs Dask's package distributed, .*install .*\[cluster\]'$"):
        Scheduler("tcp://127.0.0.1:8786").connect()
