"""The other sample runs, each made once, so a test must not write to them."""

import pytest

from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

from ...cluster_runs import write_cluster, write_cluster_users
from ...more_sample_runs import (
    write_crowd,
    write_million,
    write_mix,
    write_open,
    write_slow_senders,
    write_switch_cost,
    write_wait_cost,
)
from ...probed_run import write_probed
from ...scenario_runs import write_shop, write_shop_rates, write_shop_servers, write_shop_users
from ...stream_runs import write_broadcast, write_websockets


@pytest.fixture(scope="session")
def probed_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The sample with all its probes."""
    return write_probed(tmp_path_factory.mktemp("probed"))


@pytest.fixture(scope="session")
def crowd_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Thirteen servers."""
    return write_crowd(tmp_path_factory.mktemp("crowd"))


@pytest.fixture(scope="session")
def crowd(crowd_run: RunDirectory) -> RunDocument:
    """Its document."""
    return crowd_run.read_document()


@pytest.fixture(scope="session")
def mix_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Two kinds of requests in each trial."""
    return write_mix(tmp_path_factory.mktemp("mix"))


@pytest.fixture(scope="session")
def mix(mix_run: RunDirectory) -> RunDocument:
    """Its document."""
    return mix_run.read_document()


@pytest.fixture(scope="session")
def slow_senders(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    """One kind, and slow senders in all trials but the first of each line."""
    return write_slow_senders(tmp_path_factory.mktemp("slow")).read_document()


@pytest.fixture(scope="session")
def open_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """An open load, beyond what one of two servers carries at the highest rate."""
    return write_open(tmp_path_factory.mktemp("open"))


@pytest.fixture(scope="session")
def open_load(open_run: RunDirectory) -> RunDocument:
    """Its document."""
    return open_run.read_document()


@pytest.fixture(scope="session")
def million_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A million idle connections, and the memory they take."""
    return write_million(tmp_path_factory.mktemp("million"))


@pytest.fixture(scope="session")
def million(million_run: RunDirectory) -> RunDocument:
    """Its document."""
    return million_run.read_document()


@pytest.fixture(scope="session")
def wait_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The first microbenchmark."""
    return write_wait_cost(tmp_path_factory.mktemp("wait"))


@pytest.fixture(scope="session")
def wait_cost(wait_run: RunDirectory) -> RunDocument:
    """Its document."""
    return wait_run.read_document()


@pytest.fixture(scope="session")
def switch_cost(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    """The second microbenchmark."""
    return write_switch_cost(tmp_path_factory.mktemp("switch")).read_document()


@pytest.fixture(scope="session")
def broadcast_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Events to 100 and up to 15,000 subscribers of two servers."""
    return write_broadcast(tmp_path_factory.mktemp("broadcast"))


@pytest.fixture(scope="session")
def broadcast(broadcast_run: RunDirectory) -> RunDocument:
    """Its document."""
    return broadcast_run.read_document()


@pytest.fixture(scope="session")
def websockets_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Echoes over WebSockets beside idle ones, of two servers."""
    return write_websockets(tmp_path_factory.mktemp("websockets"))


@pytest.fixture(scope="session")
def websockets(websockets_run: RunDirectory) -> RunDocument:
    """Its document."""
    return websockets_run.read_document()


@pytest.fixture(scope="session")
def shop_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A scenario in a single trial, with all that can go wrong in one."""
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def shop(shop_run: RunDirectory) -> RunDocument:
    """Its document."""
    return shop_run.read_document()


@pytest.fixture(scope="session")
def shop_users(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    """A scenario over users."""
    return write_shop_users(tmp_path_factory.mktemp("shop-users")).read_document()


@pytest.fixture(scope="session")
def shop_servers(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    """A scenario over users, with two servers."""
    return write_shop_servers(tmp_path_factory.mktemp("shop-servers")).read_document()


@pytest.fixture(scope="session")
def shop_rates(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    """A scenario whose iterations are due at a rate."""
    return write_shop_rates(tmp_path_factory.mktemp("shop-rates")).read_document()


@pytest.fixture(scope="session")
def cluster_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """An open load from three machines, one of them bad."""
    return write_cluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="session")
def cluster(cluster_run: RunDirectory) -> RunDocument:
    """Its document."""
    return cluster_run.read_document()


@pytest.fixture(scope="session")
def cluster_users(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    """Users of two servers, from three machines."""
    return write_cluster_users(tmp_path_factory.mktemp("cluster-users")).read_document()
