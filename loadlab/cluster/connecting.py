"""The way to a cluster of Dask's: connect within a bounded time, and hold its machines for a run.

Each Dask worker is one machine, also where several run on one host: those divide its cores (`shares`). What can go
wrong is one sentence each: who, what, and what to do.
"""

import asyncio
import getpass
import logging
import os
import socket
import warnings
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Thread
from typing import Any, Final, cast
from urllib.parse import urlsplit

from distributed import Client
from distributed.comm.core import connect as connect_comm
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from loadlab.cluster.remote import Cluster
from loadlab.cluster.workers import find_machines
from loadlab.errors import LoadlabError
from loadlab.tls import TlsSettings, TlsSettingsError, make_context

_CONNECT_SECONDS: Final = 10.0
_GREETING_SECONDS: Final = 5.0
_TLS_OPTIONS: Final = {"ca": "--tls-ca-file", "cert": "--tls-cert", "key": "--tls-key"}


@dataclass(frozen=True, slots=True)
class ClusterTls:
    """The files of TLS towards the scheduler, PEM each; `key` may be None if `cert` has it as well."""

    ca_file: str
    cert: str | None = None
    key: str | None = None


def connect(address: str, tls: ClusterTls | None = None, claims: bool = True) -> Cluster:
    """Connect to the scheduler at `address`, such as tcp://HOST:8786, and claim all of its machines for this run.

    Without `claims` they stay free for others; without `tls` the settings are those of Dask's configuration. Raises
    LoadlabError, which is Claimed where another run holds a machine; nothing is held then.
    """
    # What it has to say of lost connections is said by us, once.
    for logger in ("distributed", "distributed.client"):  # Dask gives the second a level of its own
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    client = _connect(address, tls)
    assert client.loop is not None
    client.loop.asyncio_loop.set_exception_handler(_ignore)  # type: ignore[attr-defined]
    try:
        who = f"{_user()}@{socket.gethostname()} (process {os.getpid()})"
        cluster = Cluster(client, address, find_machines(client, address, who), _warnings_of(address))
        cluster.call_directly_if_possible()
    except BaseException:
        client.close(timeout=2)
        raise
    if not claims:
        return cluster
    try:
        cluster.claim()
    except BaseException:
        cluster.close()
        raise
    return cluster


def _connect(address: str, tls: ClusterTls | None) -> Client:
    try:
        security = _security(tls)
        _run_beside(_probe(address, security))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # those that matter are checked
            # Not for what else the caller computes with Dask.
            return Client(address, security=security, timeout=_CONNECT_SECONDS, name="loadlab", set_as_default=False)
    except MemoryError:  # other protocols begin with what Dask takes for an immense size
        raise LoadlabError(_not_a_scheduler(address)) from None
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise LoadlabError(_why_not_connected(address, error)) from None


def _run_beside(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own, which Ctrl-C does not wait for.

    The caller's thread may have an event loop that runs, as in a notebook.
    """
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(coroutine))
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    outcome.result()


def _ignore(_loop: asyncio.AbstractEventLoop, _context: dict[str, object]) -> None:
    """Do not print what fails in Dask's client unheard, as calls to a machine that has been lost do."""


def _security(tls: ClusterTls | None) -> Security:
    if tls is None:
        return Security()
    try:
        make_context(TlsSettings("", tls.ca_file, tls.cert, tls.key))
    except TlsSettingsError as error:
        raise LoadlabError(f"{_TLS_OPTIONS[error.key]}: {error}") from None
    key = tls.key or tls.cert
    return Security(require_encryption=True, tls_ca_file=tls.ca_file, tls_client_cert=tls.cert, tls_client_key=key)


async def _probe(address: str, security: Security) -> None:
    """Connect and let go: Dask's client waits for ever for the greeting of a server that has none for it."""
    arguments = security.get_connection_args("client")
    connecting = connect_comm(address, timeout=_CONNECT_SECONDS, **arguments)
    comm = await asyncio.wait_for(connecting, _CONNECT_SECONDS + _GREETING_SECONDS)
    comm.abort()


def _why_not_connected(address: str, error: Exception) -> str:
    where = f"the Dask scheduler at {address}"
    text = _with_causes(error)
    if isinstance(error, FileNotFoundError | PermissionError) or "[x509" in text or "no certificate" in text:
        return f"{where}: the files of TLS that Dask is configured with cannot be read: {error}"
    if "encryption required" in text:
        return f"{where} must be reached by TLS, as Dask is configured: use tls:// in its address"
    if "ssl_context" in text:
        return f"{where} takes TLS: pass --tls-ca-file, --tls-cert and --tls-key, or configure them for Dask"
    if "certificate" in text or "ssl" in text:
        return (
            f"{where} does not accept these TLS settings, or its certificate is not signed by that CA: check "
            "--tls-ca-file, --tls-cert and --tls-key"
        )
    if isinstance(error, ValueError):
        return f"--cluster {address}: {error}; an address is tcp://HOST:PORT, or tls://HOST:PORT"
    if isinstance(error, TimeoutError):
        return _not_a_scheduler(address)
    return (
        f"nothing answers as {where}: check that it runs (dask scheduler), and that this machine reaches that port"
        f"{_or_tls(address)}"
    )


def _not_a_scheduler(address: str) -> str:
    return f"the server at {address} does not answer as a Dask scheduler: check the port{_or_tls(address)}"


def _or_tls(address: str) -> str:
    return "" if address.startswith("tls:") else "; if it takes TLS, its address begins with tls://"


def _with_causes(error: Exception) -> str:
    """Return the texts of an error and of all its causes, in lower case."""
    texts, cause = list[str](), cast("BaseException | None", error)
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return " ".join(texts).lower()


def _warnings_of(address: str) -> list[str]:
    """Warn of a scheduler without TLS that is reached by more than this machine."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "inproc") or _is_loopback(parts.hostname or ""):
        return []
    return [
        f"the Dask scheduler at {address} takes connections without TLS: whoever reaches it can run code on all of its "
        "machines; give it certificates (docs/cluster.md), or keep it in a network of its own"
    ]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
