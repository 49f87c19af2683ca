"""What became of the cores that each party of a trial could run on: the target, and each client that generates load.

What processes were charged with beside those of the party is the others': programs that have no part in the trial. But
parties on one kernel may run on each other's cores: two machines of a cluster may be workers of Dask's on one host, or
the coordinator's, or the target's. What one of them uses there is no disturbance of another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from loadlab.analysis.verdict import CoreOwner, CorePool
from loadlab.processes.cores import CoresReading, use_between


@dataclass(frozen=True, slots=True)
class CoreShare:
    """The cores of one party, on one `kernel`, of which its processes used `busy`; all cores at the window's edges."""

    owner: CoreOwner
    kernel: str
    cores: frozenset[int]
    readings: tuple[CoresReading, CoresReading]
    busy: float


def core_pool(share: CoreShare, active: float) -> CorePool | None:
    """Return what became of the cores of a party that is alone on them; None if they could not be read.

    There was load for the part `active` of the time between the readings only.
    """
    uses = use_between(*share.readings, share.cores)
    if not uses:
        return None
    return CorePool(
        owner=share.owner,
        idle={core: _idle_under_load(use.idle, active) for core, use in uses.items()},
        stolen=sum(use.stolen for use in uses.values()) / len(uses),
        others=max(0.0, _unaccounted(share.readings, share.cores, share.busy)),
    )


def pools_side_by_side(
    shares: Sequence[CoreShare], beside: Mapping[str, float], active: float
) -> list[CorePool | None]:
    """Return what became of the cores of several parties, in their order; those on one kernel are no others.

    `beside` is what further processes of the trial used, by the kernel that they ran on.

    Where a process ran that may run anywhere is not known. So the others had no more of a party's cores than is left
    there beside its own processes and those of parties that it shares a core with, and no more than is left on all
    cores of the trial beside all of its processes.
    """

    def limited(share: CoreShare) -> CorePool | None:
        pool = core_pool(share, active)
        if pool is None:
            return None
        of_kernel = [each for each in shares if each.kernel == share.kernel]
        on_shared = _left(share, _overlapping(share, of_kernel))
        on_kernel = _left(share, of_kernel) - beside.get(share.kernel, 0.0)
        return replace(pool, others=max(0.0, min(pool.others, on_shared, on_kernel)))

    return [limited(share) for share in shares]


def _overlapping(share: CoreShare, shares: Sequence[CoreShare]) -> list[CoreShare]:
    """Return the parties that have a core in common with a party, or with one that has, and so on; itself too."""
    found, cores = [share], share.cores
    while more := [each for each in shares if not any(each is known for known in found) and each.cores & cores]:
        found += more
        cores = cores.union(*(each.cores for each in more))
    return found


def _left(share: CoreShare, together: Sequence[CoreShare]) -> float:
    """Return what others used of the cores of several parties, in the window of one of them."""
    cores = frozenset[int]().union(*(each.cores for each in together))
    return _unaccounted(share.readings, cores, sum(each.busy for each in together))


def _unaccounted(readings: tuple[CoresReading, CoresReading], cores: Collection[int], busy: float) -> float:
    return sum(use.charged for use in use_between(*readings, cores).values()) - busy


def _idle_under_load(idle: float, active: float) -> float:
    """Return the idle share of a core while there was load, which was for the part `active` of the time only."""
    return idle if active == 1 else max(0.0, 1 - (1 - idle) / active)
