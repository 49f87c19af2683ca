"""Fixtures of the tests of clusters: how they connect, and machines that are network namespaces."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.cluster import workers
from tests.namespaces import Network, switched_network

from .dask_cluster import DaskCluster, dask_cluster
from .networked import networked_cluster


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for further workers: the tests' clusters are complete."""
    monkeypatch.setattr(workers, "_SETTLED_SECONDS", 0.0)


@pytest.fixture(scope="package")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two Dask workers of this machine, for tests that do them no harm."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as running:
        yield running


@pytest.fixture
def own_dask(tmp_path: Path) -> Iterator[DaskCluster]:
    """The same, for a test that does harm to them."""
    with dask_cluster(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def network(need_namespaces: None) -> Iterator[Network]:
    """A target's machine and those of two clients, on a network with this process; no test may harm it."""
    with switched_network({"target": 1, "one": 2, "two": 2}) as made:
        yield made


@pytest.fixture(scope="module")
def networked(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A Dask worker on each client's machine, the scheduler here."""
    with networked_cluster(network, tmp_path_factory.mktemp("dask")) as running:
        yield running
