"""The scheduler of a Dask cluster as a user names it. Dask itself is imported only once it is to be reached."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadlab.errors import LoadlabError
from loadlab.installation import install_extra

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The address of a Dask scheduler, such as tcp://HOST:8786, and the files of TLS towards it, PEM each.

    Without these TLS is as Dask's configuration has it. `tls_key` may be missing if `tls_cert` holds the key as well.
    Raises LoadlabError where one of them needs another.
    """

    address: str
    tls_ca_file: str | os.PathLike[str] | None = None
    tls_cert: str | os.PathLike[str] | None = None
    tls_key: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.tls_key is not None and self.tls_cert is None:
            raise LoadlabError("--tls-key needs --tls-cert, the certificate that it belongs to")
        if self.tls_cert is not None and self.tls_ca_file is None:
            raise LoadlabError("--tls-cert needs --tls-ca-file, the CA that signed the scheduler's certificate")
        if self.tls_ca_file is not None and self.tls_cert is None:
            raise LoadlabError(
                "--tls-ca-file needs --tls-cert, and --tls-key unless its key is in the same file: a Dask scheduler "
                "with TLS asks its clients for a certificate"
            )

    def connect(self, claims: bool = True) -> "Cluster":
        """Return a connection, a context manager; with `claims` it holds all machines of the cluster for one run.

        Raises LoadlabError where Dask is not installed, the cluster cannot be used, or another run holds it.
        """
        try:
            from loadlab.cluster.connecting import ClusterTls, connect
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "distributed":
                raise
            raise LoadlabError(
                f"--cluster needs Dask's package distributed, which is not installed: {install_extra('cluster')}"
            ) from None
        if self.tls_ca_file is None:
            return connect(self.address, claims=claims)
        ca = os.fspath(self.tls_ca_file)
        cert, key = (None if file is None else os.fspath(file) for file in (self.tls_cert, self.tls_key))
        return connect(self.address, ClusterTls(ca, cert, key), claims)
