"""Control groups (cgroups(7)), of both versions: those that a process is in, and the CPU time that they allow."""

import posixpath
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

Controller = Literal["cpu", "memory", "pids"]
Read = Callable[[str], str | None]
"""Given the name of a file below /, such as `proc/self/cgroup`: its text, None where it cannot be read."""


def groups_of(membership: str, controller: Controller) -> Iterator[str]:
    """Yield the directories, below /, of the groups in the text of a /proc/PID/cgroup: its own, then each above.

    A limit of any of them binds. Both versions are looked at, as a machine may use both.
    """
    for line in membership.splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        # In version 1 each controller has a directory; one that several share goes by the names of all of them.
        tops = dict.fromkeys((controller, controllers)) if controllers else [""]
        # A group outside of our namespace is shown as /../..
        group = PurePosixPath(posixpath.normpath("/" + name.lstrip("/")))
        for top in tops:
            yield from (posixpath.normpath(f"sys/fs/cgroup/{top}/{each}") for each in (group, *group.parents))


def quota_of(read: Read, group: str) -> float | None:
    """Return for how many cores a group has CPU time, None if it has no limit that can be seen."""
    match (read(f"{group}/cpu.max") or "").split():
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
    quota_us, period_us = (read(f"{group}/cpu.cfs_{what}_us") or "" for what in ("quota", "period"))
    # Without a limit the quota is -1.
    if quota_us.strip().isdecimal() and period_us.strip().isdecimal() and int(period_us):
        return int(quota_us) / int(period_us)
    return None


def least_quota(read: Read, groups: Iterable[str]) -> float | None:
    """Return the least of the quotas of these groups, None if none has one."""
    return min((quota for group in groups if (quota := quota_of(read, group)) is not None), default=None)


def own_quota(root: Path = Path("/")) -> float | None:
    """Return for how many cores this process has CPU time by its groups; None without a limit that can be seen."""
    read = reader(root)
    return least_quota(read, groups_of(read("proc/self/cgroup") or "", "cpu"))


def reader(root: Path = Path("/")) -> Read:
    """Return what reads the files below `root` as they are at that moment."""

    def read(name: str) -> str | None:
        try:
            return (root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    return read
