"""What the threads of a trial did in its window, watched where target and client may run on the same cores."""

import os
from collections.abc import Collection
from dataclasses import dataclass

from loadlab.experiment.context import Resources
from loadlab.experiment.ends import Ends
from loadlab.processes.threads import ThreadUse, WatchedThreads


@dataclass(frozen=True, slots=True)
class SharedCoresUse:
    """The use of each thread of the target, of the load workers, and of what else belongs to the trial.

    Empty where the sides have cores of their own, or the kernel does not count it.
    """

    target: tuple[ThreadUse, ...] = ()
    client: tuple[ThreadUse, ...] = ()
    beside: tuple[ThreadUse, ...] = ()


class SharedCoresWatch:
    """Reads the threads of both sides at points of the window; nothing where no core is shared."""

    def __init__(self, ends: Ends, resources: Resources) -> None:
        self._ends = ends
        self._target, self._client, self._beside = WatchedThreads(), WatchedThreads(), WatchedThreads()
        self._watches = bool(resources.shared_cores)
        self._target_pids: Collection[int] = ()

    def begin(self) -> None:
        """Take the first reading."""
        if self._watches:
            self._target_pids = self._ends.target.pids()
            self._target.read_first(self._target_pids)
            self._client.read_first(self._ends.fleet.worker_pids())
            self._beside.read_first(self._pids_beside())

    def look(self) -> None:
        """Take a reading in between: of the processes that the target had at first, as looking for others costs."""
        if self._watches:
            self._target.read_in_between(self._target_pids)
            self._client.read_in_between(self._ends.fleet.worker_pids())
            self._beside.read_in_between(self._pids_beside())

    def end(self) -> SharedCoresUse:
        """Take the last reading, and return what was used since the first."""
        if self._watches:
            self._target.read(self._ends.target.pids())
            self._client.read(self._ends.fleet.worker_pids())
            self._beside.read(self._pids_beside())
        return SharedCoresUse(self._target.uses(), self._client.uses(), self._beside.uses())

    def _pids_beside(self) -> list[int]:
        return [os.getpid(), *self._ends.fleet.holder_pids(), *self._ends.side.pids_beside()]
