"""Tools that die, hang or print rubbish: played by scripts in their place."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from loadlab.probes import tool
from loadlab.probes.cpu import held, perf, py_spy
from loadlab.probes.cpu.perf import PerfRecordProbe
from loadlab.probes.cpu.probe import BACKENDS, CpuSampler
from loadlab.probes.cpu.py_spy import PySpyProbe
from loadlab.probes.probe import ProbeFailed
from loadlab.probes.tool import wait_ended
from loadlab.processes import Child, spawn

from .conftest import children

DEADLINE_SECONDS = 0.5

# Obeys like perf: answers each order on the control fifo, and ends with what `record` is given to end with.
OBEDIENT_RECORD = """
for option in "$@"; do case $option in fifo:*) fifos=${option#fifo:};; esac; done
exec 3<>"${fifos%,*}" 4>"${fifos#*,}"
trap 'exit 0' INT
while read -r order <&3; do printf 'ack\\n' >&4; done
"""


def write_script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def as_perf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Give a function that puts a script in perf's place, for `perf record` and `perf script`."""

    def put(record: str, script: str) -> None:
        write_script(tmp_path / "bin" / "perf", f'if [ "$1" = record ]; then\n{record}\nelse\n:\n{script}\nfi')
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    return put


@pytest.fixture
def as_py_spy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that puts a script in py-spy's place; OUTPUT is the file it is to write."""

    def put(text: str) -> None:
        find_output = 'while [ "$1" != --output ]; do shift; done; OUTPUT=$2\n'
        script = write_script(tmp_path / "py-spy", find_output + text)
        monkeypatch.setattr(py_spy, "find_py_spy", lambda: str(script))

    return put


def wait_briefly(child: Child, check: Callable[[], None], _deadline_seconds: float) -> int | None:
    """Wait only a moment for the end of a tool that hangs, though it had all its time for what comes before."""
    return wait_ended(child, check, DEADLINE_SECONDS)


@contextmanager
def failing(stack: ExitStack, probe: PySpyProbe | PerfRecordProbe) -> Iterator[pytest.ExceptionInfo[ProbeFailed]]:
    """Expect the block to fail with one line, and nothing to be left of it."""
    stack.callback(probe.stop)
    before = children()
    with pytest.raises(ProbeFailed) as failure:
        yield failure
    assert "\n" not in str(failure.value)
    probe.stop()
    assert children() == before


def run(probe: PySpyProbe | PerfRecordProbe) -> None:
    """A window on ourselves: the scripts attach to nothing."""
    probe.prepare([os.getpid()])
    probe.begin()
    probe.end()
    probe.collect()


def test_a_perf_that_dies_at_once(as_perf: Callable[[str, str], None], stack: ExitStack) -> None:
    as_perf("echo 'No permission' >&2; exit 3", "")
    probe = PerfRecordProbe()
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value) == "perf record ended with code 3 before it could open its events: No permission"


def test_a_perf_that_hangs(as_perf: Callable[[str, str], None], stack: ExitStack) -> None:
    as_perf("trap '' TERM INT; exec sleep 60", "")
    probe = PerfRecordProbe(deadline_seconds=DEADLINE_SECONDS)
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value) == "perf record did not open its events within 0.5 seconds"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo rubbish",
            "the output of perf script cannot be parsed: 'rubbish' is neither a sample nor a frame of one",
        ),
        ("printf '\\377\\000\\n'", "the output of perf script cannot be parsed"),
        ("echo 'zero-sized data' >&2; exit 255", "perf script ended with code 255: zero-sized data"),
    ],
)
def test_samples_that_cannot_be_read(
    as_perf: Callable[[str, str], None], stack: ExitStack, script: str, said: str
) -> None:
    as_perf(OBEDIENT_RECORD, script)
    probe = PerfRecordProbe()
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value).startswith(said)


def test_a_perf_script_that_hangs(
    as_perf: Callable[[str, str], None], stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perf, "wait_ended", wait_briefly)
    as_perf(OBEDIENT_RECORD, "exec sleep 60")
    probe = PerfRecordProbe()
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value) == "perf script did not finish within 60 seconds"


def test_a_perf_that_saw_nothing_is_no_failure(as_perf: Callable[[str, str], None], stack: ExitStack) -> None:
    as_perf(OBEDIENT_RECORD, "")
    probe = PerfRecordProbe()
    stack.callback(probe.stop)
    probe.prepare([os.getpid()])
    probe.begin()
    probe.end()
    assert probe.collect().samples == ()


def test_perf_has_nothing_to_do_where_all_processes_are_gone(stack: ExitStack) -> None:
    probe = PerfRecordProbe()
    with failing(stack, probe) as failure:
        probe.prepare([])
    assert "have ended" in str(failure.value)


SAMPLE_UNTIL_INTERRUPTED = """
sleep 60 & trap 'kill $!' INT
echo Sampling process
wait || :
"""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'Error: Denied' >&2; exit 1", "py-spy ended with code 1 before it could attach: Error: Denied"),
        (SAMPLE_UNTIL_INTERRUPTED, "the output of py-spy cannot be parsed: the number of samples is missing"),
        (f"{SAMPLE_UNTIL_INTERRUPTED} echo Samples: 1 Errors: 0", "py-spy wrote no samples"),
        (
            f"{SAMPLE_UNTIL_INTERRUPTED} echo Samples: 1 Errors: 0; echo rubbish >$OUTPUT",
            "the output of py-spy cannot be parsed: line 1 is not the stack of a thread",
        ),
    ],
)
def test_a_py_spy_that_fails(as_py_spy: Callable[[str], None], stack: ExitStack, script: str, said: str) -> None:
    as_py_spy(script)
    probe = PySpyProbe()
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value).startswith(said)


def test_a_py_spy_that_hangs_while_it_attaches(as_py_spy: Callable[[str], None], stack: ExitStack) -> None:
    as_py_spy("trap '' TERM INT; exec sleep 60")
    probe = PySpyProbe(deadline_seconds=DEADLINE_SECONDS)
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value) == "py-spy did not attach within 0.5 seconds"


def test_a_py_spy_that_hangs_when_it_is_asked_for_its_result(
    as_py_spy: Callable[[str], None], stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "wait_ended", wait_briefly)
    as_py_spy("trap '' TERM INT; echo Sampling process; exec sleep 60")
    probe = PySpyProbe()
    with failing(stack, probe) as failure:
        run(probe)
    assert str(failure.value) == "py-spy did not write its result within 30 seconds"


# Traces a process as py-spy does, and takes note of nothing.
HOLD = """
import ctypes, signal
PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 0x4206, 0x40
signal.signal(signal.SIGINT, signal.SIG_IGN)
assert ctypes.CDLL(None).ptrace(PTRACE_SEIZE, {pid}, None, ctypes.c_void_p(PTRACE_O_TRACEEXIT)) == 0
print("Sampling process", flush=True)
while True:
    signal.pause()
"""


@pytest.mark.parametrize("noticed_in", ["the window", "its end"])
def test_a_py_spy_that_does_not_let_go_of_a_process_that_has_ended(
    as_py_spy: Callable[[str], None], stack: ExitStack, monkeypatch: pytest.MonkeyPatch, noticed_in: str
) -> None:
    if lack := py_spy.why_unavailable():
        pytest.skip(f"{lack.why}; {lack.fix}")
    monkeypatch.setattr(held, "LONGEST_STOP_SECONDS", 0.2)
    with spawn("subject", [sys.executable, "-c", "import threading; threading.Event().wait()"]) as child:
        as_py_spy(f"exec {sys.executable} -c '{HOLD.format(pid=child.pid)}'")
        probe = PySpyProbe()
        with failing(stack, probe) as failure:
            probe.prepare([child.pid])
            probe.begin()
            os.kill(child.pid, signal.SIGKILL)
            assert child.wait(0.05) is None
            while noticed_in == "the window":
                probe.look()
                child.wait(0.05)
            probe.end()
        assert str(failure.value) == (
            f"process {child.pid} ended while py-spy sampled it, and py-spy did not let go of it"
        )
        assert child.wait(60.0) == -signal.SIGKILL


def test_py_spy_has_nothing_to_do_where_nothing_is_python(stack: ExitStack) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    with spawn("sleep", [sleep, "60"]) as child:
        probe = PySpyProbe()
        with failing(stack, probe) as failure:
            probe.prepare([child.pid])
        assert str(failure.value) == "none of the watched processes runs Python, and py-spy can only sample Python"


def test_a_probe_that_is_stopped_in_the_window_leaves_nothing(stack: ExitStack) -> None:
    if all(backend.why_unavailable() for backend in BACKENDS):
        pytest.skip("no backend can watch here")
    with spawn("subject", [sys.executable, "-c", "import threading; threading.Event().wait()"]) as child:
        before = children()
        probe = CpuSampler()
        stack.callback(probe.stop)
        probe.prepare([child.pid])
        probe.begin()
        assert children() > before
        probe.stop()
        probe.stop()
        assert children() == before
        assert child.poll() is None
