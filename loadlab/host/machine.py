"""This machine as the kernel shows it in /proc, /sys and the control groups, each file read once. Judges nothing."""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from loadlab.processes.activity import Activity, ActivityWatch
from loadlab.processes.control_groups import Controller, groups_of, least_quota, own_quota
from loadlab.processes.proc import parse_sizes

_UNLIMITED: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """What this process may use: cores by their numbers, open files, and tasks of its user (None: any number).

    `cpu_quota` is for how many cores its control groups allow it CPU time, None if for all.
    """

    cores: tuple[int, ...]
    open_files_soft: int
    open_files_hard: int
    user_tasks: int | None
    cpu_quota: float | None = None

    @classmethod
    def of_this_process(cls) -> Self:
        """Ask the kernel."""
        soft, hard = (_finite(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
        user_tasks, _ = resource.getrlimit(resource.RLIMIT_NPROC)
        return cls(
            cores=tuple(sorted(os.sched_getaffinity(0))),
            open_files_soft=soft,
            open_files_hard=hard,
            user_tasks=None if user_tasks == resource.RLIM_INFINITY else user_tasks,
            cpu_quota=own_quota(),
        )


class Machine:
    """What is to be known of a machine. A container, an older kernel or a sandbox may lack any file: that is None.

    A file keeps its first reading, so that all that is judged by one Machine is judged by the same state; make a new
    one to look again.
    """

    def __init__(
        self, root: Path = Path("/"), own: OwnLimits | None = None, watch: ActivityWatch | None = None
    ) -> None:
        """`root` is where /proc and /sys are; `own` stands in for the limits of this process.

        `watch` is one of the activity that has begun already.
        """
        self.root = root
        self.own = OwnLimits.of_this_process() if own is None else own
        self._watch = watch
        self._texts: dict[str, str | None] = {}

    def read_text(self, name: str) -> str | None:
        """Return the text of a file, such as `proc/meminfo`; None where it is absent or not ours to read."""
        if name not in self._texts:
            try:
                self._texts[name] = (self.root / name).read_text(encoding="utf-8", errors="replace")
            except OSError:
                self._texts[name] = None
        return self._texts[name]

    def read_words(self, name: str) -> tuple[str, ...]:
        """Return the words in a file; empty where it cannot be read."""
        return tuple((self.read_text(name) or "").split())

    def read_number(self, name: str) -> int | None:
        """Return the number that is all of a file; None where it cannot be read, or holds something else."""
        numbers = self.read_numbers(name)
        return numbers[0] if len(numbers) == 1 else None

    def read_numbers(self, name: str) -> tuple[int, ...]:
        """Return the numbers in a file of nothing else; empty where it cannot be read, or holds something else."""
        try:
            return tuple(map(int, self.read_words(name)))
        except ValueError:
            return ()

    def read_sizes(self, name: str) -> dict[str, int]:
        """Return {name: bytes} of the sizes in a file like `proc/meminfo`; empty where it cannot be read."""
        return parse_sizes(self.read_text(name) or "")

    def list_files(self, pattern: str) -> list[str]:
        """Return the names of the files that match a pattern, such as `sys/devices/system/cpu/cpu*/online`."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))

    def control_groups(self, controller: Controller) -> Iterator[str]:
        """Yield the directories of the control groups that hold this process: its own, then each of those above."""
        return groups_of(self.read_text("proc/self/cgroup") or "", controller)

    @cached_property
    def cpu_quota(self) -> float | None:
        """For how many cores our control groups allow CPU time, None if for all."""
        return least_quota(self.read_text, self.control_groups("cpu"))

    @cached_property
    def activity(self) -> Activity | None:
        """What used the cores just now, None where it cannot be seen. The first call may take half a second."""
        watch = self._watch or ActivityWatch(self.root / "proc")
        return watch.finish(self.own.cores)


def _finite(limit: int) -> int:
    # The kernel has no infinite limit of open files, but sandboxes that imitate it do; -1 stands for it.
    return _UNLIMITED if limit == resource.RLIM_INFINITY else limit
