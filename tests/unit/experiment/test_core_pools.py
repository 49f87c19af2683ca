"""What others used of the cores of each party of a trial, where some of them are on one kernel."""

from dataclasses import replace

import pytest

from loadlab.experiment.core_pools import CoreShare, core_pool, pools_side_by_side
from loadlab.processes.cores import CoresReading, CoreTimes

SECOND_NS = 1_000_000_000


def share(cores: dict[int, float], busy: float, of: dict[int, float], kernel: str = "k") -> CoreShare:
    """A client on `cores` that used `busy` of them; `of` is for which part of a second each core was busy."""
    start = CoresReading(0, {core: CoreTimes(0, 0, 0) for core in of}, interrupts_charged=True)
    ended = {core: CoreTimes(round((1 - used) * SECOND_NS), 0, 0) for core, used in of.items()}
    return CoreShare(
        "client", kernel, frozenset(cores), (start, CoresReading(SECOND_NS, ended, interrupts_charged=True)), busy
    )


def others(shares: list[CoreShare], **beside: float) -> list[float | None]:
    pools = pools_side_by_side(shares, beside, active=1.0)
    return [None if pool is None else round(pool.others, 6) for pool in pools]


BUSY = {0: 0.5, 1: 0.75, 2: 0.25}


def test_what_is_left_beside_the_own_processes_is_others() -> None:
    pool = core_pool(share({1: 0}, busy=0.5, of=BUSY), active=1.0)
    assert pool is not None
    assert (pool.owner, pool.idle, pool.others) == ("client", {1: 0.25}, 0.25)


def test_while_there_was_load_cores_were_less_idle() -> None:
    pool = core_pool(share({1: 0, 2: 0}, busy=1.0, of=BUSY), active=0.75)
    assert pool is not None
    assert pool.idle == pytest.approx({1: 0.0, 2: 2 / 3})
    assert pool.others == 0.0


def test_cores_that_cannot_be_read_are_no_pool() -> None:
    unread = share({9: 0}, busy=0.5, of=BUSY)
    assert core_pool(unread, active=1.0) is None
    assert others([unread, share({0: 0}, 0.5, BUSY)]) == [None, 0.0]


def test_what_one_machine_runs_on_the_cores_of_another_of_its_kernel_is_no_disturbance() -> None:
    one, two = share({0: 0}, busy=0.25, of=BUSY), share({1: 0}, busy=1.0, of=BUSY)
    assert others([one]) == [0.25]  # alone it would be
    assert others([one, two]) == [0.0, 0.0]


def test_on_different_kernels_each_is_by_itself() -> None:
    one, two = share({0: 0}, busy=0.25, of=BUSY), share({1: 0}, busy=1.0, of=BUSY, kernel="other")
    assert others([one, two]) == [0.25, 0.0]


def test_the_coordinator_is_part_of_the_trial_on_its_kernel() -> None:
    one, two = share({0: 0}, busy=0.25, of=BUSY), share({1: 0}, busy=0.5, of=BUSY, kernel="other")
    assert others([one, two], k=0.2) == [0.05, 0.25]


def test_others_are_at_most_what_is_left_of_the_own_cores() -> None:
    one, two = share({0: 0}, busy=0.4, of=BUSY), share({1: 0}, busy=0.0, of=BUSY)
    assert others([one, two]) == [0.1, 0.75]


def test_machines_on_the_same_core_are_not_each_others_disturbance() -> None:
    one, two = share({1: 0}, busy=0.5, of=BUSY), share({1: 0}, busy=0.25, of=BUSY)
    assert others([one, two]) == [0.0, 0.0]
    assert others([one, replace(two, busy=0.125)]) == [0.125, 0.125]
    # Also not where others are at work on another core of the trial.
    assert others([one, two, share({0: 0}, busy=0.0, of=BUSY)]) == [0.0, 0.0, 0.5]


def test_machines_may_share_some_of_their_cores() -> None:
    chain = [share({0: 0}, 0.5, BUSY), share({0: 0, 1: 0}, 0.5, BUSY), share({1: 0, 2: 0}, 0.25, BUSY)]
    assert others(chain) == [0.0, 0.25, 0.25]  # of 1.5 on all three cores they had 1.25
