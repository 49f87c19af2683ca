"""A run whose load comes from two Dask workers, from Python to its page: each is judged as a client by itself."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from loadlab import run_profile
from loadlab.cli.tables import speed_lines
from loadlab.experiment.context import resources_of_host
from loadlab.export.rows import rows_of
from loadlab.processes import spawn
from loadlab.report.machines import tabulate_machines
from loadlab.results.directory import RunDirectory

from .dask_cluster import DaskCluster

pytestmark = pytest.mark.timeout(180)

PROFILE: Final = {
    "name": "judged",
    "target": {"server": "callback"},
    "load": {"connections": 9, "warmup": "50ms", "duration": "1s"},
    "probes": ["procfs"],
    "retries": 0,
}
BUSY: Final = "import os, sys; os.sched_setaffinity(0, {int(core) for core in sys.argv[1:]})\nwhile True: pass"


def test_each_machine_has_a_verdict_and_is_on_the_page(dask: DaskCluster, tmp_path: Path) -> None:
    document = run_profile(PROFILE, out=tmp_path / "out", cluster=dask.address)
    trial = document.trial
    assert trial.state == "done"
    assert [machine.name for machine in trial.machines] == ["one", "two"]
    assert all(machine.speed.client for machine in trial.machines)
    assert {name: len(speed.readings) for name, speed in document.client_speeds.items()} == {"one": 2, "two": 2}
    assert document.calibration is None
    named = {name for finding in trial.verdict.findings for name in finding.machines}
    found = {machine.name for machine in trial.machines if machine.verdict.findings}
    assert named <= found
    assert document.directory is not None
    page = (document.directory / "index.html").read_text()
    assert '<section id="load-by-machine">' in page
    assert "load from 2 machines with " in page
    assert len(tabulate_machines([trial]).rows) == 2
    [row] = rows_of(document)
    assert row["machines.one.requests"] == trial.machines[0].requests > 0
    # All processes are on this machine, so their series are those of both.
    assert trial.probes.procfs is not None
    assert trial.client is not None
    assert trial.probes.procfs.client[-1].processes == trial.client.processes
    # What is on disk says the same.
    again = RunDirectory.open(document.directory).read_document()
    assert again.trial.machines == trial.machines
    assert [*speed_lines(again)] == [*speed_lines(document)]


def test_a_busy_neighbour_of_the_clients_is_found_on_them(dask: DaskCluster) -> None:
    cores = resources_of_host().placement.load
    command = [sys.executable, "-c", BUSY, *map(str, cores)]
    with ExitStack() as busy:
        for number in range(2 * len(cores)):  # beside each load worker as much as it may have
            busy.enter_context(spawn(f"busy {number}", command))
        trial = run_profile(PROFILE, cluster=dask.address).trial
    assert trial.verdict.state != "valid"
    for machine in trial.machines:
        assert "disturbed" in [finding.code for finding in machine.verdict.findings]
    disturbed = [finding for finding in trial.verdict.findings if finding.code == "disturbed" and finding.machines]
    assert [finding.machines for finding in disturbed] == [["one", "two"]]
    assert disturbed[0].text.startswith("All client machines: ")
