"""What docs/cluster.md shows is run as it is written there, in a shell; only the ports are others."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

import loadlab
from loadlab.targets.ports import choose_port

from ..cli.program import Program

pytestmark = pytest.mark.timeout(200)

DOCS: Final = Path(loadlab.__file__).parents[1] / "docs"
ENVIRONMENT: Final = Path(sys.executable).parents[1]
DEADLINE_SECONDS: Final = 150
DONE_OR_INVALID: Final = {0, 3}
"""The exit codes of a run that has ended, whatever a busy machine has made of its figures."""

# Note the exit code of each command of loadlab's, and go on; a server takes the place of its background shell.
NOTE_CODES: Final = """
loadlab() {
    [ "$1" = serve ] && exec loadlab "$@"
    command loadlab "$@" && code=$? || code=$?
    echo "$code $1" >> codes
}
"""


def shell_block(heading: str, number: int = 0) -> str:
    """Return a block of shell commands of the section under a heading."""
    _, _, section = (DOCS / "cluster.md").read_text().partition(f"\n{heading}\n")
    block: str = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[number]
    return block


class Shell:
    """A shell in an empty directory, with this environment's programs first; what it starts carries a mark."""

    def __init__(self, directory: Path, home: Path) -> None:
        path = os.pathsep.join((str(ENVIRONMENT / "bin"), os.environ["PATH"]))
        settings = {"PATH": path, "HOME": str(home), "DASK_TEMPORARY_DIRECTORY": str(home)}
        self.directory = directory
        self._program = replace(Program(directory), current=directory, settings=settings)
        self._ports = {known: str(choose_port()) for known in ("8786", "8080")}

    def run(self, script: str, *arguments: str, **variables: str) -> str:
        """Run a script to its end; return what it prints on both streams."""
        for known, port in self._ports.items():
            script = script.replace(known, port)
        done = subprocess.run(
            ["bash", "-c", script, "bash", *arguments],
            cwd=self.directory,
            env={**self._program.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def codes(self) -> list[tuple[str, int]]:
        """Return (verb, exit code) of each command of loadlab's."""
        lines = (self.directory / "codes").read_text().split("\n")
        return [(verb, int(code)) for code, _, verb in (line.partition(" ") for line in lines if line)]

    def documents(self) -> list[dict[str, Any]]:
        """Return run.json of each run directory."""
        return [json.loads(each.read_text()) for each in self.directory.glob("reports/*/run.json")]

    def check_nothing_left(self) -> None:
        """Check that no process of the script goes on."""
        self._program.check_nothing_left()

    def end(self) -> None:
        """End whatever goes on."""
        for pid in self._program.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.check_nothing_left()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    directory, home = tmp_path / "here", tmp_path / "home"
    directory.mkdir()
    home.mkdir()
    started = Shell(directory, home)
    yield started
    started.end()


def test_two_workers_on_this_machine(shell: Shell) -> None:
    printed = shell.run(NOTE_CODES + shell_block("## Try it: two workers on this machine"))
    shell.check_nothing_left()
    codes = shell.codes()
    assert [verb for verb, _ in codes] == ["doctor", "run", "hit"]
    assert dict(codes)["doctor"] == 0, printed
    assert {dict(codes)["run"], dict(codes)["hit"]} <= DONE_OR_INVALID, printed
    (document,) = shell.documents()
    (trial,) = document["trials"]
    assert trial["state"] == "done", trial["reason"]
    one, two = trial["machines"]
    assert (one["name"], two["name"]) == ("one", "two")
    assert one["requests"] + two["requests"] == trial["requests"] > 0
    assert one["idle"] + two["idle"] == trial["idle"]["alive"] == 1000
    assert "requests/s" in printed


def test_tls_with_a_certificate_of_ones_own(shell: Shell, need_program: Callable[[str], str]) -> None:
    need_program("openssl")
    (shell.directory / "my.yaml").write_text(
        "name: tls\ntarget: {server: epoll}\nload: {connections: 4, duration: 1s}\n"
    )
    # Its processes go on when the commands have ended, as in a user's terminal.
    printed = shell.run(NOTE_CODES + shell_block("## Security") + "kill %2; wait %2; kill %1")
    shell.check_nothing_left()
    assert shell.codes() == [("doctor", 0)], printed
    assert (shell.directory / "loadlab.key").stat().st_mode & 0o077 == 0


# Runs the command once for each node but the first, in the background, as the nodes' daemons would.
SRUN: Final = """\
#!/usr/bin/env bash
while [[ $1 == --* ]]; do
    [[ $1 == --ntasks=* ]] && tasks=${1#*=}
    shift
done
for ((number = 1; number <= tasks; number++)); do
    SLURMD_NODENAME=node$number "$@" &
done
wait
"""


def test_slurm_script_runs_on_all_nodes_but_the_first(shell: Shell, need_program: Callable[[str], str]) -> None:
    script = DOCS / "cluster/slurm.sh"
    checked = subprocess.run(
        [need_program("shellcheck"), script], capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS
    )
    assert checked.returncode == 0, checked.stdout
    programs = shell.directory / "programs"
    programs.mkdir()
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    (shell.directory / "my.yaml").write_text(
        "name: slurm\ntarget: {server: epoll}\nload: {connections: 4, idle: 100, warmup: 50ms, duration: 300ms}\n"
    )
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    slurm = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3", "LOADLAB": str(ENVIRONMENT), "PATH": path}
    arguments = ("my.yaml", "--no-calibrate", "--accept-invalid", "--set", "retries=0")
    shell.run('exec "$@"', str(script), *arguments, **slurm)
    shell.check_nothing_left()
    (document,) = shell.documents()
    (trial,) = document["trials"]
    assert [machine["name"] for machine in trial["machines"]] == ["node1", "node2"]
    assert [each.name for each in shell.directory.iterdir() if each.suffix == ".json"] == []
