"""The options of a cluster: which of them need others, which verbs take them, and what is printed of its machines."""

import pytest
from typer.testing import CliRunner

from loadlab.cli.cluster import ClusterOptions, machines_line
from loadlab.cli.verbs import app
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import LoadlabError

ADDRESS = "tcp://127.0.0.1:8786"


def test_the_options_name_a_scheduler() -> None:
    assert ClusterOptions().scheduler is None
    assert ClusterOptions(cluster=ADDRESS).scheduler == Scheduler(ADDRESS)
    options = ClusterOptions(cluster=ADDRESS, tls_ca_file="ca", tls_cert="cert", tls_key="key")
    assert options.scheduler == Scheduler(ADDRESS, "ca", "cert", "key")


@pytest.mark.parametrize("option", ["tls_ca_file", "tls_cert", "tls_key"])
def test_files_of_tls_need_a_scheduler(option: str) -> None:
    with pytest.raises(LoadlabError, match=rf"^--{option.replace('_', '-')} is for the scheduler of a cluster; name"):
        _ = ClusterOptions(**{option: "file.pem"}).scheduler


@pytest.mark.parametrize(
    ("cores", "line"),
    [
        ({"w1": 1, "w2": 8}, "load from 2 machines: w1 (1 core), w2 (8 cores)"),
        ({"w1": 2}, "load from 1 machine: w1 (2 cores)"),
        (
            {f"w{number}": 4 for number in range(10)},
            "load from 10 machines with 40 cores: w0, w1, w2, w3, w4, w5, w6, w7 and 2 more",
        ),
    ],
)
def test_the_machines_are_named_with_their_cores(cores: dict[str, int], line: str) -> None:
    assert machines_line(cores) == line


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["run", "shop", "--one"], "--one runs its iteration on this machine; leave out --cluster"),
        (["run", "switch-cost"], "switch-cost measures this machine without a load; run it without --cluster"),
        (["hit", "http://127.0.0.1:1/", "--calibrate"], "--calibrate measures the client of this machine"),
    ],
)
def test_what_measures_this_machine_only_is_refused(command: list[str], message: str) -> None:
    ended = CliRunner().invoke(app, [*command, "--cluster", ADDRESS])
    assert isinstance(ended.exception, LoadlabError)
    assert str(ended.exception).startswith(message)


@pytest.mark.parametrize("command", [["calibrate"], ["serve", "epoll"], ["report", "."]])
def test_verbs_without_a_load_of_the_users_do_not_take_a_cluster(command: list[str]) -> None:
    ended = CliRunner().invoke(app, [command[0], "--cluster", ADDRESS, *command[1:]])
    assert ended.exit_code == 2
    assert "No such option: --cluster" in ended.output
