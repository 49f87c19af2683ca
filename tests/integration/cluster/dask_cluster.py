"""A scheduler and workers of Dask's on loopback, as the recipe in the documentation starts them."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes import Child, list_family, spawn

_DASK: Final = str(Path(sys.executable).with_name("dask"))
_DEADLINE_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class DaskCluster:
    """The address of its scheduler, and the processes: `workers` by name."""

    address: str
    scheduler: Child
    workers: dict[str, Child]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process of Dask's runs: the address that it listens on, and the command before its own."""

    host: str = "127.0.0.1"
    prefix: Sequence[str] = ()


HERE: Final = Place()


@contextmanager
def dask_cluster(
    directory: Path,
    names: Sequence[str] = ("one", "two"),
    nanny: bool = False,
    tls: Sequence[str] = (),
    places: Mapping[str, Place] | None = None,
) -> Iterator[DaskCluster]:
    """Run a scheduler, and a worker of each name, with the options `tls`; all are gone afterwards.

    `places` says where, by name, "scheduler" being one; all others are on loopback.
    """
    places = places or {}
    file = directory / "scheduler.json"
    options = ["--no-dashboard", *(("--protocol", "tls") if tls else ()), *tls]
    with ExitStack() as stack:
        place = places.get("scheduler", HERE)
        command = [*place.prefix, _DASK, "scheduler", "--host", place.host, *options]
        command += ["--port", "0", "--scheduler-file", str(file)]
        scheduler = stack.enter_context(spawn("dask scheduler", command))
        address = _address(file, scheduler)
        workers = {}
        for name in names:
            place = places.get(name, HERE)
            command = [*place.prefix, _DASK, "worker", address, "--host", place.host, *options]
            command += ["--nthreads", "1", "--name", name, "--local-directory", str(directory)]
            command += [] if nanny else ["--no-nanny"]
            workers[name] = stack.enter_context(spawn(f"dask worker {name}", command))
        for worker in workers.values():
            _wait_registered(worker)
        yield DaskCluster(address, scheduler, workers)


def load_processes(worker: Child) -> list[int]:
    """Return the load workers and idle holders below a Dask worker."""
    return [pid for pid in list_family([worker.pid]) if b"loadlab.fleet." in _command_of(pid)]


def wait_until_none(worker: Child, seconds: float = _DEADLINE_SECONDS) -> float:
    """Wait until a Dask worker has none of them; return the seconds that it took."""
    began = time.monotonic()
    while load_processes(worker):
        assert time.monotonic() - began < seconds, "processes of the load are left"
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


def _wait_registered(worker: Child) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while b"Registered to" not in worker.read_stderr():
        assert time.monotonic() < deadline, worker.stderr_tail()
        assert worker.poll() is None, worker.account()
        time.sleep(_LOOK_SECONDS)


def _address(file: Path, scheduler: Child) -> str:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline and scheduler.poll() is None:
        try:
            address: str = json.loads(file.read_text())["address"]
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(_LOOK_SECONDS)
        else:
            return address
    raise AssertionError(scheduler.account())


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
