"""A machine that shows little of itself, as sandboxes do: no /proc/sys, no /sys, no counters of its cores."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from .program import ANY_VERDICT, QUICK, Program

HIDE = "mount -t tmpfs none /proc/sys && mount -t tmpfs none /sys && mount --bind /dev/null /proc/stat"


@dataclass(frozen=True, slots=True)
class Sandboxed(Program):
    """The program in a mount namespace of its own, where those files are hidden."""

    def command(self, *arguments: str) -> list[str]:
        command = Program.command(self, *arguments)
        return ["unshare", "--mount", "sh", "-c", f'{HIDE} && exec "$@"', "sh", *command]


@pytest.fixture
def sandboxed(tmp_path: Path) -> Sandboxed:
    program = Sandboxed(tmp_path)
    allowed = subprocess.run(["unshare", "--mount", "sh", "-c", HIDE], capture_output=True, check=False)
    if allowed.returncode != 0:
        pytest.skip("this user may not mount anything")
    return program


def test_the_doctor_takes_what_is_not_shown_as_unknown(sandboxed: Sandboxed) -> None:
    ended = sandboxed.run("doctor")
    assert (ended.code, ended.stderr) == (0, "")
    rows = {row[:20].rstrip(): row for row in ended.stdout.splitlines()}
    for check in ("local ports", "listen backlog", "memory maps", "clock source", "other processes", "stolen time"):
        assert "unknown" in rows[check]
        assert rows[check].split()[-1] == "ok"


@pytest.mark.parametrize("server", ["epoll", "fork", "thread"])
def test_servers_are_measured_all_the_same(sandboxed: Sandboxed, server: str) -> None:
    ended = sandboxed.measure(QUICK.replace("epoll", server).replace("idle: 0", "idle: 20"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    (trial,) = sandboxed.document()["trials"]
    assert trial["state"] == "done"
    assert trial["outcomes"]["ok"] > 0
    sandboxed.check_drawable()
