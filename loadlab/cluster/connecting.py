"""The way to a cluster of Dask's: connect within a bounded time, check who is there, and hold its machines for a run.

Each Dask worker is one machine, also where several run on one host: those divide its cores (`shares`). What can go
wrong is one sentence each: who, what, and what to do.
"""

import asyncio
import getpass
import logging
import os
import socket
import time
import uuid
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, cast
from urllib.parse import urlsplit

from distributed import Client, Worker
from distributed.actor import Actor
from distributed.comm.core import connect as connect_comm
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from loadlab.cluster.actor import MachineActor
from loadlab.cluster.machine import LEASE_SECONDS, Machine
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.remote import Cluster, RemoteMachine, lost
from loadlab.errors import LoadlabError
from loadlab.installation import DISTRIBUTION

_CONNECT_SECONDS: Final = 10.0
_GREETING_SECONDS: Final = 5.0
_WORKERS_SECONDS: Final = 10.0
_SETTLED_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1
_ACTOR_SECONDS: Final = 15.0


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
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    client = _connect(address, tls)
    try:
        _wait_workers(client, address)
        _check_versions(client)
        cluster = Cluster(client, address, _machines(client), _warnings_of(address))
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
        # In a thread of its own: the caller's may have an event loop that runs, as in a notebook.
        with ThreadPoolExecutor(1) as probing:
            probing.submit(asyncio.run, _probe(address, security)).result()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # those that matter are checked
            return Client(address, security=security, timeout=_CONNECT_SECONDS, name="loadlab")
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise LoadlabError(_why_not_connected(address, error)) from None


def _security(tls: ClusterTls | None) -> Security:
    if tls is None:
        return Security()
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
    is_encrypted = address.startswith("tls:")
    text = _with_causes(error)
    if isinstance(error, FileNotFoundError | PermissionError) or "[x509" in text or "no certificate" in text:
        return f"--cluster: the files of --tls-ca-file, --tls-cert and --tls-key cannot be read: {error}"
    if "requires encryption" in text or "require_encryption" in text:
        return f"{where} is not to be reached without TLS, as configured: use tls:// in its address"
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
        hint = "check the port" if is_encrypted else "check the port; if it takes TLS, its address begins with tls://"
        return f"what listens at {address} does not answer as a Dask scheduler: {hint}"
    return (
        f"nothing answers as {where}: check that it runs (dask scheduler), and that this machine reaches that port"
        + ("" if is_encrypted else "; if it takes TLS, its address begins with tls://")
    )


def _with_causes(error: Exception) -> str:
    """Return the texts of an error and of all its causes, in lower case."""
    texts, cause = list[str](), cast("BaseException | None", error)
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return " ".join(texts).lower()


def _wait_workers(client: Client, address: str) -> None:
    """Wait for the first worker, and until no other one has come for a moment: they may just be starting."""
    began = changed = time.monotonic()
    known: set[str] = set()
    while time.monotonic() - changed < _SETTLED_SECONDS or not known:
        now = set(client.nthreads())
        if now != known:
            known, changed = now, time.monotonic()
        if not known and time.monotonic() - began > _WORKERS_SECONDS:
            raise LoadlabError(
                f"the Dask scheduler at {address} has no workers: start one on each client machine "
                f"(dask worker {address} --nthreads 1)"
            )
        time.sleep(_LOOK_SECONDS)


def _check_versions(client: Client) -> None:
    """Raise LoadlabError where a worker has another version of loadlab or Python, or none."""
    versions = cast("dict[str, Any]", client.get_versions(packages=[DISTRIBUTION]))
    here = _versions_of(versions["client"])
    by_version: dict[tuple[str, str], list[str]] = {}
    for address, found in sorted(versions["workers"].items()):
        by_version.setdefault(_versions_of(found), []).append(address)
    if by_version.keys() != {here}:
        others = "; ".join(
            f"{', '.join(addresses)}: {_format_versions(found)}"
            for found, addresses in by_version.items()
            if found != here
        )
        raise LoadlabError(
            "the machines of a cluster need the same versions of loadlab and Python: "
            f"here {_format_versions(here)}; {others}: install this one's there, with the extra cluster "
            "(docs/cluster.md)"
        )


def _versions_of(found: dict[str, Any]) -> tuple[str, str]:
    packages = found["packages"]
    return packages.get(DISTRIBUTION) or "", ".".join(str(packages["python"]).split(".")[:2])


def _format_versions(versions: tuple[str, str]) -> str:
    loadlab, python = versions
    return f"{f'loadlab {loadlab}' if loadlab else 'no loadlab'} with Python {python}"


def _machines(client: Client) -> list[RemoteMachine]:
    key, who = uuid.uuid4().hex, f"{_user()}@{socket.gethostname()} (process {os.getpid()})"
    described: dict[str, tuple[str, MachineInfo]] = client.run(describe_worker)
    machines = []
    for address, name in _names(described).items():
        future = client.submit(
            MachineActor,
            address,
            name,
            key,
            who,
            LEASE_SECONDS,
            actor=True,
            workers=[address],
            allow_other_workers=False,
            pure=False,
        )
        try:
            actor = cast(Actor, future.result(timeout=_ACTOR_SECONDS))
        except TimeoutError:
            raise LoadlabError(
                f"client machine {name} has not begun within {_ACTOR_SECONDS:.0f} s: its Dask worker may be busy with "
                "other work; loadlab needs workers for itself"
            ) from None
        except Exception as error:  # whatever Dask raises for a worker that went away meanwhile
            raise LoadlabError(f"{lost(name)}: {error}") from None
        info = described[address][1]
        machines.append(RemoteMachine(name, address, actor, info))
    return sorted(machines, key=lambda machine: machine.name)


def describe_worker(dask_worker: Worker) -> tuple[str, MachineInfo]:
    """Return the name of a Dask worker, and what it runs on; called in it."""
    return str(dask_worker.name), Machine(str(dask_worker.name)).describe()


def _names(described: dict[str, tuple[str, MachineInfo]]) -> dict[str, str]:
    """Return names by address: those that workers were given, else those of their hosts, numbered if need be."""
    wanted = {
        address: info.host if "://" in name or name.isdigit() else name for address, (name, info) in described.items()
    }
    count = Counter(wanted.values())
    seen: Counter[str] = Counter()
    names = {}
    for address, name in sorted(wanted.items()):
        seen[name] += 1
        names[address] = name if count[name] == 1 else f"{name}-{seen[name]}"
    return names


def _warnings_of(address: str) -> list[str]:
    """Warn of a scheduler without TLS that is reached by more than this machine."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme == "tls" or _is_loopback(parts.hostname or ""):
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
