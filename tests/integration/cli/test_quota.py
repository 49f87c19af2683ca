"""A CPU quota that throttles is seen by doctor, verdict and run.json; as root, and where control groups can be made."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.processes.control_groups import groups_of

from .program import QUICK, Program, wait_until

BUSY = QUICK.replace("duration: 200ms", "duration: 1s")


@pytest.fixture
def group() -> Iterator[Path]:
    """Give the directory of a group below ours that has CPU time for 0.4 cores."""
    ours = [Path("/", name) for name in groups_of(Path("/proc/self/cgroup").read_text(), "cpu")]
    above = next((path for path in ours if path.is_dir() and os.access(path, os.W_OK)), Path("/nonexistent"))
    made = above / f"loadlab-test-{os.getpid()}"
    try:
        made.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        try:
            if (made / "cpu.max").exists():
                (made / "cpu.max").write_text("40000 100000")
            else:
                (made / "cpu.cfs_period_us").write_text("100000")
                (made / "cpu.cfs_quota_us").write_text("40000")
        except OSError as error:
            pytest.skip(f"no quota can be set here: {error}")
        yield made
    finally:
        wait_until(lambda: not (made / "cgroup.procs").read_text())
        made.rmdir()


class LimitedProgram(Program):
    """The program in a control group of its own."""

    def command(self, *arguments: str) -> list[str]:
        """Return a shell that joins the group, whose path is in the environment, and becomes the program."""
        program = shlex.join([sys.executable, "-P", "-m", "loadlab", *arguments])
        return ["sh", "-c", f'echo $$ > "$GROUP/cgroup.procs" && exec {program}']


def test_a_quota_that_throttles_makes_a_trial_invalid(tmp_path: Path, group: Path) -> None:
    program = LimitedProgram(tmp_path, settings={"GROUP": str(group)})
    ended = program.measure(BUSY)
    (trial,) = program.document()["trials"]
    (use,) = [each for each in trial["control_groups"] if each["group"] == str(group)]
    assert (use["holds"], use["quota_cores"]) == (["client", "target"], 0.4)
    assert 0 < use["throttled_periods"] <= use["periods"]
    (finding,) = [each for each in trial["verdict"]["findings"] if each["code"] == "throttled"]
    assert (ended.code, finding["severity"]) == (3, "invalid")
    assert f"{group}, 0.4 cores for target and client: throttled in" in finding["evidence"]
    program.check_drawable()


def test_doctor_shows_the_quota(tmp_path: Path, group: Path) -> None:
    ended = LimitedProgram(tmp_path, settings={"GROUP": str(group)}).run("doctor", "select-vs-epoll")
    assert "0.4 cores of" in ended.stdout
