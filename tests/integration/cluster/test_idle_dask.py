"""What a Dask worker does beside the load of its machine: little, and as usual once it is free."""

import time
from pathlib import Path
from typing import Final

import pytest
from distributed import Client, Worker

from loadlab.cluster.connecting import connect

from .dask_cluster import dask_cluster

pytestmark = pytest.mark.timeout(120)

DEADLINE_SECONDS: Final = 20.0


def intervals_ms(dask_worker: Worker) -> dict[str, float]:
    # Others are set by what the scheduler says of heartbeats.
    return {name: dask_worker.periodic_callbacks[name].callback_time for name in ("tick", "profile", "memory_monitor")}


def test_a_dask_worker_that_is_held_watches_itself_less(tmp_path: Path) -> None:
    with dask_cluster(tmp_path, ["one"]) as dask, Client(dask.address) as client:
        client.wait_for_workers(1)
        [usual] = client.run(intervals_ms).values()
        with connect(dask.address):
            [held] = client.run(intervals_ms).values()
        assert all(held[name] > usual[name] for name in usual)
        began = time.monotonic()
        while client.run(intervals_ms) != {dask_worker: usual for dask_worker in client.nthreads()}:
            assert time.monotonic() - began < DEADLINE_SECONDS, "the timers stay slow"
            time.sleep(0.05)
