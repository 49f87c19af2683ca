"""Fixtures of the tests of clusters: machines that are network namespaces."""

from collections.abc import Iterator

import pytest

from tests.namespaces import Network, switched_network

from .dask_cluster import DaskCluster
from .networked import networked_cluster


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
