"""Children as the kernel sees them: who dies with whom, and under which limits they run."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from loadlab.errors import LoadlabError
from loadlab.processes import spawn

DEADLINE_SECONDS = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    """Whether the process is gone, or only waits to be reaped by someone else."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def run_python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_is_killed_when_its_parent_is_killed() -> None:
    parent_code = (
        "import sys, time\n"
        "from loadlab.processes import spawn\n"
        "child = spawn('child', [sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen(run_python(parent_code), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        child_pidfd = os.pidfd_open(child_pid)
        parent.kill()
        ended, _, _ = select.select([child_pidfd], [], [], DEADLINE_SECONDS)
        os.close(child_pidfd)
    assert ended


def test_stop_ends_what_the_child_has_started_too() -> None:
    with spawn("shell", ["sh", "-c", "sleep 1000 & sleep 1000 & wait"]) as child:
        wait_until(lambda: len(child.all_pids()) == 3)
        pids = child.all_pids()
        assert child.pid in pids
        child.stop(DEADLINE_SECONDS)
        assert child.all_pids() == []
        assert all(is_gone(pid) for pid in pids)
        assert child.describe_exit() == "was killed by SIGTERM"


def test_stop_ends_what_a_child_left_behind_when_it_ended_by_itself() -> None:
    with spawn("shell", ["sh", "-c", "sleep 1000 & exit 3"]) as child:
        assert child.wait(DEADLINE_SECONDS) == 3
        assert child.describe_exit() == "ended with code 3"
        (left_behind,) = child.all_pids()
        child.stop()
        assert is_gone(left_behind)


def test_who_does_not_heed_sigterm_is_killed_after_the_grace() -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    with spawn("stubborn", run_python(stubborn), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"deaf\n"
        child.stop(grace_seconds=0.05)
        assert child.poll() == -signal.SIGKILL
        child.stop()  # may be repeated


def test_a_child_runs_on_its_cores_in_its_session_with_the_hard_limit_of_open_files() -> None:
    core = max(os.sched_getaffinity(0))
    code = (
        "import os, resource\n"
        "print(os.sched_getaffinity(0), os.getsid(0) == os.getpid())\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE); print(soft == hard)\n"
    )
    with spawn("reporter", run_python(code), cpus=[core], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.read().decode().splitlines() == [f"{{{core}}} True", "True"]


def test_a_child_with_a_pipe_for_input_sees_its_end() -> None:
    with spawn("cat", ["cat"], stdin=True, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"one line\n")
        assert child.stdout.readline() == b"one line\n"
        assert child.poll() is None
        assert child.describe_exit() == "is still running"
        child.stdin.close()
        assert child.wait(DEADLINE_SECONDS) == 0


def test_the_last_lines_of_standard_error_can_be_read_at_any_time() -> None:
    code = "import sys\nfor i in range(10_000): print('line', i, file=sys.stderr)"
    with spawn("talker", run_python(code)) as child:
        assert child.wait(DEADLINE_SECONDS) == 0
        assert child.stderr_tail(lines=2) == "line 9998\nline 9999"


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(LoadlabError, match=r"holder could not be started: /nowhere/prog: No such file"):
        spawn("holder", ["/nowhere/prog"])


def test_cores_that_do_not_exist_are_named() -> None:
    with pytest.raises(LoadlabError, match="holder could not be placed on cores 1023"):
        spawn("holder", ["true"], cpus=[1023])


def test_a_child_can_be_interrupted_though_loadlab_was_started_in_the_background() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a script's shell does for what it starts with &
    try:
        child = spawn("sleeper", ["sleep", "1000"])
    finally:
        signal.signal(signal.SIGINT, before)
    with child:
        os.kill(child.pid, signal.SIGINT)
        assert child.wait(DEADLINE_SECONDS) == -signal.SIGINT


@pytest.mark.parametrize(
    ("code", "last_words"),
    [
        ("import sys; sys.exit('no such option: -x')", "no such option: -x"),
        ("raise ExceptionGroup('several', [KeyError('first'), ValueError('second')])", "ValueError: second"),
    ],
)
def test_the_account_of_an_end_has_the_last_words_that_say_something(code: str, last_words: str) -> None:
    with spawn("child", run_python(code)) as child:
        child.wait(DEADLINE_SECONDS)
        assert child.account() == f"child ended with code 1: {last_words}"


def test_a_child_that_prints_a_lot_is_shortened_while_it_goes_on() -> None:
    code = "import sys\nfor i in range(100_000): print('line', i, file=sys.stderr)\n"
    code += "sys.stdin.read()\nprint('end', file=sys.stderr)"
    with spawn("printer", run_python(code), stdin=True) as child:
        wait_until(lambda: child.stderr_tail(lines=1) == "line 99999")
        child.shorten_stderr(8192)
        assert child.stdin is not None
        child.stdin.close()
        child.wait(DEADLINE_SECONDS)
        printed = child.read_stderr()
    assert printed.startswith(b"line 0\nline 1\n")
    assert printed.endswith(b"\nline 99999\nend\n")
    assert b"\n[...]\n" in printed
    assert len(printed) < 24_000
