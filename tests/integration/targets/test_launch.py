"""Starting a target: what is said of one that does not start, and what is left of it (nothing)."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loadlab.errors import TrialFailed
from loadlab.profile.address import TcpAddress
from loadlab.targets import Option, TargetDescription, find_target, launch

DEADLINE_SECONDS = 30.0

CAPABILITIES = {"handlers": ["hello"], "max_connections": 10, "backlog": 5}
PRINT_READY = "print('READY', '''{}''', flush=True)\n".format(
    json.dumps({"address": ["127.0.0.1", 4711], "pid": 1, "capabilities": CAPABILITIES})
)

Describe = Callable[[str], TargetDescription]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def children() -> set[str]:
    """Return the pids of our children, those that only wait to be reaped among them."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    """Return a function that writes a target with this code and describes it."""

    def describe_code(code: str) -> TargetDescription:
        file = tmp_path / "made_up.py"
        file.write_text(code)
        return TargetDescription(name="made-up", about="", handlers=("hello",), options={}, file=file)

    return describe_code


def test_address_and_capabilities_are_those_of_the_ready_line(describe: Describe) -> None:
    with launch(describe(PRINT_READY + "import signal; signal.pause()"), cpus=[min(os.sched_getaffinity(0))]) as target:
        assert target.address == TcpAddress("127.0.0.1", 4711)
        assert target.capabilities.max_connections == 10
        assert target.pids() == [target.pid]
        assert target.poll_exit() is None


def test_options_and_what_it_reaches_are_its_arguments(describe: Describe, tmp_path: Path) -> None:
    written = tmp_path / "arguments"
    code = f"import json, pathlib, signal, sys; pathlib.Path({str(written)!r}).write_text(json.dumps(sys.argv[1:]))\n"
    options = {
        "pool": Option(default=8, about="threads", minimum=1, maximum=10_000),
        "blocking": Option(default=False, about="on purpose"),
        "reuse": Option(default=True, about="of buffers"),
        "trigger": Option(default="level", about="how", choices=("level", "edge")),
    }
    with launch(
        replace(describe(code + PRINT_READY + "signal.pause()"), options=options),
        options={"pool": "1k", "blocking": True, "reuse": False, "trigger": "edge"},
        database="host=/run/postgresql",
        upstream=TcpAddress("::1", 8080),
    ):
        arguments = json.loads(written.read_text())
    assert arguments[arguments.index("--pool") :][:2] == ["--pool", "1000"]
    assert arguments[arguments.index("--trigger") :][:2] == ["--trigger", "edge"]
    assert {"--blocking", "--no-reuse"} < set(arguments)
    assert arguments[arguments.index("--database") :][:2] == ["--database", "host=/run/postgresql"]
    assert arguments[arguments.index("--upstream") :][:2] == ["--upstream", "[::1]:8080"]


def test_its_files_go_with_it_however_it_ends(describe: Describe, tmp_path: Path) -> None:
    written = tmp_path / "folder"
    code = f"""
import os, pathlib, signal, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--folder") + 1])
(folder / "file").write_text("left behind")
pathlib.Path(f"/tmp/perf-{{os.getpid()}}.map").write_text("1f2 3 a_function")
pathlib.Path({str(written)!r}).write_text(str(folder))
"""
    with launch(describe(code + PRINT_READY + "signal.pause()")) as target:
        folder, names = Path(written.read_text()), Path(f"/tmp/perf-{target.pid}.map")
        assert (folder / "file").exists()
        assert names.exists()
        os.kill(target.pid, signal.SIGKILL)
    assert not folder.exists()
    assert not names.exists()
    with pytest.raises(TrialFailed):
        launch(describe(code))
    assert not Path(written.read_text()).exists()


def test_a_target_that_ends_at_once_is_reported_with_its_last_words(describe: Describe) -> None:
    with pytest.raises(TrialFailed) as caught:
        launch(describe("import sys; sys.exit('no database here')"))
    assert str(caught.value) == "target 'made-up' ended with code 1 before it was ready: no database here"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello there", "printed 'hello there' where its READY line belongs"),
        ("READY or not", "printed a READY line that is not valid"),
        ('READY {"address": ["127.0.0.1", 1], "pid": 1}', "is not valid: capabilities: Field required"),
        ('READY {"address": ["127.0.0.1", 70000], "pid": 1}', "is not valid: address.1: Input should be less than"),
    ],
)
def test_a_target_that_prints_something_else_is_quoted(describe: Describe, line: str, said: str) -> None:
    with pytest.raises(TrialFailed) as caught:
        launch(describe(f"print({line!r}, flush=True)\nimport signal; signal.pause()"))
    assert said in str(caught.value)


def test_a_target_that_is_not_ready_in_time_is_ended(describe: Describe) -> None:
    before = children()
    with pytest.raises(TrialFailed, match=r"was not ready within 0\.2 s"):
        launch(describe("import signal; signal.pause()"), start_timeout_seconds=0.2)
    assert children() == before


def test_a_target_that_dies_later_is_noticed(describe: Describe) -> None:
    with launch(describe(PRINT_READY + "import signal; signal.pause()")) as target:
        os.kill(target.pid, signal.SIGKILL)
        wait_until(lambda: target.poll_exit() is not None)
        assert target.poll_exit() == "target 'made-up' was killed by SIGKILL"


def test_a_target_that_prints_much_after_ready_never_blocks(describe: Describe) -> None:
    with launch(describe(PRINT_READY + "print('x' * 4_000_000, flush=True); raise SystemExit(7)")) as target:
        wait_until(lambda: target.poll_exit() is not None)
        assert target.poll_exit() == "target 'made-up' ended with code 7"


def test_what_a_target_forks_belongs_to_it_and_ends_with_it(describe: Describe) -> None:
    with launch(describe(f"import os, signal\nif os.fork(): {PRINT_READY}signal.pause()")) as target:
        wait_until(lambda: len(target.pids()) == 2)
        pids = target.pids()
    assert target.pids() == []
    assert target.pid in pids


def test_a_port_in_use_is_reported_by_the_target_itself() -> None:
    epoll = find_target("epoll")
    with launch(epoll) as first, pytest.raises(TrialFailed) as caught:
        launch(epoll, port=first.address.port)
    message = str(caught.value)
    assert "ended with code 2 before it was ready" in message
    assert f"cannot listen on 127.0.0.1 port {first.address.port}: Address already in use" in message
