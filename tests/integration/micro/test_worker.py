"""The worker as a program: one line in, one line out, or one sentence and code 2."""

import subprocess
import sys

import pytest

from loadlab.micro.messages import ChannelKind, Method, MicroFigures, MicroPart, SwitchCostPart, Unit, WaitCostPart


def run_worker(line: str, open_files: int | None = None) -> "subprocess.CompletedProcess[str]":
    limit = "" if open_files is None else f"ulimit -n {open_files}; "
    command = ["sh", "-c", f'{limit}exec "$0" -m loadlab.micro.worker', sys.executable]
    return subprocess.run(command, input=line, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "part",
    [
        WaitCostPart(method=Method.EPOLL, descriptors=20, calls=50),
        WaitCostPart(method=Method.SELECT, descriptors=20, writes=30),
        SwitchCostPart(unit=Unit.COROUTINE, count=100),
    ],
)
def test_a_part_is_answered_with_its_figures(part: MicroPart) -> None:
    ended = run_worker(part.model_dump_json() + "\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1
    assert MicroFigures.model_validate_json(ended.stdout).cost_ns > 0


def test_a_soft_limit_of_open_files_is_raised() -> None:
    part = WaitCostPart(method=Method.POLL, channel=ChannelKind.EVENTFD, descriptors=100, calls=20)
    command = ["sh", "-c", 'ulimit -S -n 64; exec "$0" -m loadlab.micro.worker', sys.executable]
    subprocess.run(command, input=part.model_dump_json(), capture_output=True, text=True, timeout=60, check=True)


def test_a_limit_of_this_machine_is_reported_with_code_2() -> None:
    ended = run_worker(WaitCostPart(method=Method.POLL, descriptors=40).model_dump_json(), open_files=64)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("40 pipes need 80 open files; this process may have 64 and can open ")
    assert ended.stderr.endswith(": use the channel eventfd, which needs one each\n")


@pytest.mark.parametrize("line", ["", "nonsense\n", '{"kind": "wait-cost", "method": "kqueue", "descriptors": 1}\n'])
def test_what_is_no_part_is_reported_with_code_2(line: str) -> None:
    ended = run_worker(line)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("this is not a part of a microbenchmark: ")
    assert ended.stderr.count("\n") == 1
