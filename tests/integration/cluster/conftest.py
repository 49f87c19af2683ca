"""Fixtures of the tests of clusters: machines that are network namespaces."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.namespaces import Network, switched_network

from .dask_cluster import DaskCluster
from .networked import networked_cluster


@pytest.fixture
def network(need_namespaces: None) -> Iterator[Network]:
    """A target's machine and those of two clients, on a network with this process."""
    with switched_network({"target": 1, "one": 2, "two": 2}) as made:
        yield made


@pytest.fixture
def networked(network: Network, tmp_path: Path) -> Iterator[DaskCluster]:
    """A Dask worker on each client's machine, the scheduler here."""
    with networked_cluster(network, tmp_path) as running:
        yield running
