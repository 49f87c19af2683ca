"""The Dask workers of a cluster as machines: which there are, that their versions agree, and an actor on each.

Whatever is asked of them has its time, as one of them may hang. What is wrong is one sentence: who, what, what to do.
"""

import asyncio
import re
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeVar, cast

from distributed import Client, Worker
from distributed.actor import Actor
from distributed.versions import get_versions

from loadlab.cluster.actor import MachineActor
from loadlab.cluster.machine import LEASE_SECONDS, Machine
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.remote import RemoteMachine, lost
from loadlab.errors import LoadlabError
from loadlab.installation import DISTRIBUTION

_WORKERS_SECONDS: Final = 10.0
_SETTLED_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 10.0
_DASK: Final = "distributed"
_SCHEDULER: Final = "the scheduler"

Answer = TypeVar("Answer")


def find_machines(client: Client, address: str, who: str) -> list[RemoteMachine]:
    """Return all machines of the scheduler at `address`, by name, each with an actor for a new run of `who`.

    Raises LoadlabError where there are none, one of them does not answer, or has other versions than this machine.
    """
    workers = _wait_workers(client, address)
    _check_versions(client, workers)
    infos = _ask_each(client, workers, lambda worker: _describe(client, worker))
    key = uuid.uuid4().hex
    names = name_machines(infos)
    actors = _ask_each(client, names, lambda worker: _start_actor(client, worker, names[worker], key, who))
    machines = [RemoteMachine(name, worker, actors[worker], infos[worker]) for worker, name in names.items()]
    return sorted(machines, key=lambda machine: _in_order(machine.name))


def name_machines(infos: Mapping[str, MachineInfo]) -> dict[str, str]:
    """Return names by address: those that workers were given, else those of their hosts, numbered if need be."""
    given = {address: info.name for address, info in infos.items() if not _is_made_up(info.name)}
    hosts = Counter(info.host for address, info in infos.items() if address not in given)
    names = dict(given)
    taken = set(given.values())
    for address, info in sorted(infos.items()):
        if address in given:
            continue
        name, number = info.host, 0
        while name in taken or (number == 0 and hosts[info.host] > 1):
            number += 1
            name = f"{info.host}-{number}"
        names[address] = name
        taken.add(name)
    return names


def describe_worker(dask_worker: Worker) -> MachineInfo:
    """Return what a Dask worker runs on, with the name of the worker; called in it."""
    return Machine(str(dask_worker.name)).describe()


def _in_order(name: str) -> list[tuple[str, int]]:
    """Return what a name is sorted by: node2 before node10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def _is_made_up(name: str) -> bool:
    """Return whether Dask has made up a worker's name: its address, or its number in a LocalCluster."""
    return "://" in name or name.isdigit()


def _wait_workers(client: Client, address: str) -> list[str]:
    """Wait for the first worker, and until no other one has come for a moment: they may just be starting."""
    began = changed = time.monotonic()
    known: set[str] = set()
    while time.monotonic() - changed < _SETTLED_SECONDS or not known:
        now = set(client.sync(_list_workers, client, address))
        if now != known:
            known, changed = now, time.monotonic()
        if not known and time.monotonic() - began > _WORKERS_SECONDS:
            raise LoadlabError(
                f"the Dask scheduler at {address} has no workers: start one on each client machine "
                f"(dask worker {address} --nthreads 1)"
            )
        time.sleep(_LOOK_SECONDS)
    return sorted(known)


async def _list_workers(client: Client, address: str) -> Collection[str]:
    try:
        return cast(Collection[str], await asyncio.wait_for(client.nthreads(), _ANSWER_SECONDS))
    except (OSError, TimeoutError):
        raise LoadlabError(
            f"the Dask scheduler at {address} does not answer any more: it may have ended, or been stopped"
        ) from None


def _check_versions(client: Client, workers: Collection[str]) -> None:
    """Raise LoadlabError where a worker has another version of loadlab, Python or Dask, or no loadlab.

    So has the scheduler to be, which reads what is sent to the workers.
    """
    found = _ask_each(client, [*workers, _SCHEDULER], lambda asked: _ask_versions(client, asked))
    here = versions_of(get_versions([DISTRIBUTION]))
    by_version: dict[tuple[str, str, str], list[str]] = {}
    for worker, answer in sorted(found.items()):
        by_version.setdefault(versions_of(answer), []).append(worker)
    others = {versions: there for versions, there in by_version.items() if versions != here}
    if others:
        listed = "; ".join(f"{', '.join(there)}: {_format_versions(versions)}" for versions, there in others.items())
        raise LoadlabError(
            "the machines of a cluster need the same versions of loadlab, Python and distributed: "
            f"here {_format_versions(here)}; {listed}: install this one's there, with the extra cluster "
            "(docs/cluster.md)"
        )


def versions_of(answer: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the versions of loadlab ("" without it), Python and Dask in what Dask says of a machine's."""
    packages = answer["packages"]
    python = ".".join(str(packages["python"]).split(".")[:2])
    return packages.get(DISTRIBUTION) or "", python, packages.get(_DASK) or ""


def _format_versions(versions: tuple[str, str, str]) -> str:
    loadlab, python, dask = versions
    return f"{f'loadlab {loadlab}' if loadlab else 'no loadlab'}, Python {python} and distributed {dask}"


async def _ask_versions(client: Client, asked: str) -> Mapping[str, Any]:
    assert client.scheduler is not None
    if asked == _SCHEDULER:
        of_scheduler: Mapping[str, Any] = await client.scheduler.versions(packages=[DISTRIBUTION])
        return of_scheduler
    message = {"op": "versions", "packages": [DISTRIBUTION]}
    answers: dict[str, Mapping[str, Any]] = await client.scheduler.broadcast(msg=message, workers=[asked])
    return answers[asked]


async def _describe(client: Client, worker: str) -> MachineInfo:
    described: dict[str, MachineInfo] = await client.run(describe_worker, workers=[worker])
    return described[worker]


async def _start_actor(client: Client, worker: str, name: str, key: str, who: str) -> Actor:
    started = client.submit(
        MachineActor,
        worker,
        name,
        key,
        who,
        LEASE_SECONDS,
        actor=True,
        workers=[worker],
        allow_other_workers=False,
        pure=False,
    )
    with client.as_current():  # an actor takes the current client, which may be one of the caller's own
        return cast(Actor, await started)


def _ask_each(client: Client, workers: Collection[str], ask: Callable[[str], Awaitable[Answer]]) -> dict[str, Answer]:
    """Ask all workers at once, each in time; return their answers. Raises LoadlabError, with the first that fails."""

    async def ask_all() -> list[Answer | BaseException]:
        asking = (asyncio.wait_for(ask(worker), _ANSWER_SECONDS) for worker in workers)
        return await asyncio.gather(*asking, return_exceptions=True)

    answers: dict[str, Answer] = {}
    for worker, answer in zip(workers, client.sync(ask_all), strict=True):
        if isinstance(answer, BaseException):
            raise LoadlabError(_why_not_asked(worker, answer)) from None
        answers[worker] = answer
    return answers


def _why_not_asked(worker: str, error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return (
            f"the Dask worker at {worker} has not answered for {_ANSWER_SECONDS:.0f} s: it may be stopped, or busy "
            "with other work; loadlab needs workers for itself"
        )
    if isinstance(error, OSError | RuntimeError):
        return f"{lost(f'at {worker}')}: {error}"
    return f"the Dask worker at {worker} cannot run loadlab: {type(error).__name__}: {error}"
