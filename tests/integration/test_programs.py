"""Programs of a user's, started under a guard: whatever they leave behind is ended, and nothing else."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadlab.processes import NotStarted, Program, start_program

from .test_processes import is_gone, wait_until

# Two forks and a new session, as daemon(7) has it: its parent is gone, its group and session are its own.
DAEMON = """\
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(1000)
    os._exit(0)
os.wait()
"""


@contextmanager
def running(
    folder: Path, *argv: str, cwd: str = ".", stop_signal: int = signal.SIGTERM, grace_seconds: float = 10.0
) -> Iterator[Program]:
    """Run a program until the end of the block."""
    with start_program(
        argv,
        name="program",
        output=folder / "output",
        environment=dict(os.environ),
        cwd=folder / cwd,
        stop_signal=stop_signal,
        grace_seconds=grace_seconds,
    ) as program:
        yield program


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def read_pid(file: Path) -> int:
    """Return the pid that a program writes to a file, as soon as it has done so."""
    wait_until(lambda: file.exists() and file.read_text() != "")
    return int(file.read_text())


def test_a_program_has_a_session_of_its_own_and_what_it_prints_is_kept(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getsid(0) == os.getpid(), os.getcwd()); sys.exit('last words')"
    with running(tmp_path, *python(code)) as program:
        wait_until(lambda: program.poll() is not None)
        assert program.tail() == f"True {tmp_path}\nlast words\n" or program.tail() == f"last words\nTrue {tmp_path}\n"
        assert program.describe_exit() == "ended with code 1"
        assert program.account(" before it listened").startswith("program ended with code 1 before it listened: ")


def test_a_daemon_is_found_and_ended(tmp_path: Path) -> None:
    with running(tmp_path, *python(DAEMON + "time.sleep(1000)", str(tmp_path / "pid"))) as program:
        daemon = read_pid(tmp_path / "pid")
        assert os.getsid(daemon) != os.getsid(program.pid)
        assert program.all_pids() == sorted([program.pid, daemon])
        assert program.poll() is None
    assert is_gone(daemon)


def test_a_program_that_makes_itself_a_daemon_runs_on(tmp_path: Path) -> None:
    with running(tmp_path, *python(DAEMON, str(tmp_path / "pid"))) as program:
        daemon = read_pid(tmp_path / "pid")
        wait_until(lambda: program.all_pids() == [daemon])
        assert program.poll() is None
        os.kill(daemon, signal.SIGKILL)
        wait_until(lambda: program.poll() is not None)
        assert program.describe_exit() == "ended with code 0"


def test_one_that_fails_has_ended_whatever_it_leaves_behind(tmp_path: Path) -> None:
    with running(tmp_path, "sh", "-c", "sleep 1000 & echo no luck; exit 3") as program:
        wait_until(lambda: program.poll() == 3)
        (left_behind,) = program.all_pids()
        assert program.account() == "program ended with code 3: no luck"
    assert is_gone(left_behind)


def test_it_gets_its_signal_first_and_may_end_in_order(tmp_path: Path) -> None:
    code = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: (print("in order", flush=True), sys.exit(0)))
print("ready", flush=True)
while True: signal.pause()
"""
    with running(tmp_path, *python(code), stop_signal=signal.SIGINT) as program:
        wait_until(lambda: program.tail() == "ready\n")
    assert program.output.read_text() == "ready\nin order\n"


def test_what_a_shell_leaves_behind_gets_the_signal_too(tmp_path: Path) -> None:
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("asked", flush=True), sys.exit()))
print("ready", flush=True)
signal.pause()
"""
    with running(tmp_path, "sh", "-c", f"{sys.executable} -c '{code}' & wait") as program:
        wait_until(lambda: program.tail() == "ready\n")
    assert program.output.read_text() == "ready\nasked\n"


def test_one_that_ignores_its_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    with running(tmp_path, *python(code), grace_seconds=0.2) as program:
        wait_until(lambda: program.tail() == "deaf\n")
        pids = program.all_pids()
    assert program.poll() == -signal.SIGKILL
    assert all(map(is_gone, pids))


def test_processes_of_others_are_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        with running(tmp_path, "sleep", "1000") as program:
            assert other.pid not in program.all_pids()
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_of_it_ends_when_loadlab_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    parent_code = f"""
import os, pathlib, signal, sys
from loadlab.processes import start_program
program = start_program([sys.executable, "-c", {DAEMON + "time.sleep(1000)"!r}, sys.argv[1]], name="program",
                        output=pathlib.Path(sys.argv[2]), environment=dict(os.environ))
print(program.pid, flush=True)
signal.pause()
"""
    command = python(parent_code, str(tmp_path / "pid"), str(tmp_path / "output"))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()), read_pid(tmp_path / "pid")]
        pidfds = [os.pidfd_open(pid) for pid in pids]
        parent.send_signal(number)
    for pidfd in pidfds:
        ended, _, _ = select.select([pidfd], [], [], 30.0)
        os.close(pidfd)
        assert ended


def test_what_was_seen_of_it_ends_though_its_guard_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, *python(DAEMON + "time.sleep(1000)", str(tmp_path / "pid"))) as program:
        daemon = read_pid(tmp_path / "pid")
        pids = program.all_pids()
        os.kill(int(Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        wait_until(lambda: program.poll() is not None)
        assert not is_gone(daemon)
        assert program.describe_exit() == "was killed by SIGKILL"
    wait_until(lambda: all(map(is_gone, pids)))


def test_megabytes_of_output_never_make_it_wait(tmp_path: Path) -> None:
    size = 50 << 20
    code = f"import sys; sys.stdout.write('x' * {size - 5}); sys.stdout.write('\\nend\\n')"
    with running(tmp_path, *python(code)) as program:
        wait_until(lambda: program.poll() == 0)
        assert program.output.stat().st_size == size
        assert program.last_words() == ": end"
    kept = program.output.read_bytes()
    assert len(kept) < 3 << 20
    assert b"\n[... 50331648 bytes left out ...]\n" in kept
    assert kept.endswith(b"\nend\n")


def forbid_execution(folder: Path) -> None:
    (folder / "server").write_text("#!/bin/sh\n")


def name_no_interpreter(folder: Path) -> None:
    (folder / "server").write_text("hello\n")
    (folder / "server").chmod(0o755)


def name_a_missing_interpreter(folder: Path) -> None:
    (folder / "server").write_text("#!/no/such/shell\n")
    (folder / "server").chmod(0o755)


def make_a_directory(folder: Path) -> None:
    (folder / "server").mkdir()


@pytest.mark.parametrize(
    ("word", "prepare", "reason"),
    [
        ("no-such-server", None, "there is no program no-such-server on the PATH"),
        ("./server", None, "there is no file {folder}/server"),
        ("./server", make_a_directory, "{folder}/server is a directory"),
        ("./server", forbid_execution, "{folder}/server is not executable; make it so with chmod +x, or start it with"),
        ("./server", name_no_interpreter, "./server is neither a program nor a script whose first line names its"),
        ("./server", name_a_missing_interpreter, "./server names an interpreter in its first line that does not exist"),
    ],
)
def test_why_it_cannot_be_started_is_one_sentence(
    tmp_path: Path, word: str, prepare: Callable[[Path], None] | None, reason: str
) -> None:
    if prepare is not None:
        prepare(tmp_path)
    with pytest.raises(NotStarted) as caught, running(tmp_path, word):
        pass
    assert str(caught.value).startswith(f"program could not be started: {reason.format(folder=tmp_path)}")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotStarted) as caught, running(tmp_path, "true", cwd="service"):
        pass
    assert str(caught.value) == f"program could not be started: there is no directory {tmp_path}/service"


def test_stopping_takes_no_longer_than_the_program(tmp_path: Path) -> None:
    with running(tmp_path, "sleep", "1000", grace_seconds=30.0):
        begun = time.monotonic()
    assert time.monotonic() - begun < 20.0
