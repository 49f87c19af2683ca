"""Code of a scenario that blocks, in a process of its own, is found by its line with real signals and real time."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

PROGRAM = """
import json, sys, time
from loadlab.scenario.blocking import BLOCKING_NS, BlockingWatch
from loadlab.scenario.script import load_script

function = load_script({"/shop.py": sys.stdin.read()}, "/shop.py", "checkout").iteration
watch = BlockingWatch()
watch.start()
for _ in range(int(sys.argv[1])):
    watch.step_began_ns = time.monotonic_ns()
    try:
        function(None).send(None)
    except StopIteration:
        pass
    ended_ns = time.monotonic_ns()
    if ended_ns - watch.step_began_ns >= BLOCKING_NS:
        watch.step_ended(ended_ns)
    watch.step_began_ns = 0
watch.stop()
print(json.dumps([[line.where, line.code, line.times, line.longest_ns] for line in watch.take()]))
"""


def blocking_lines(source: str, times: int = 1) -> list[tuple[str, str, int, int]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(times)],
        input=dedent(source),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [tuple(line) for line in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (6, "time.sleep(0.3)"),
        (10, "client.recv(1)"),
        (15, "json.dumps(range_of_numbers)"),
        (19, "subprocess.run(['sleep', '0.3'], check=True)"),
    ],
)
def test_the_line_that_blocks_is_found(line: int, code: str) -> None:
    functions = {6: "sleep", 10: "receive", 15: "compute", 19: "run"}
    source = f"""
        import json, socket, subprocess, time

        def sleep():
            # as in a script
            time.sleep(0.3)
        def receive():
            client, server = socket.socketpair()
            client.settimeout(0.3)
            client.recv(1)
        def compute():
            range_of_numbers = list(range(1000))
            # asks for no time: at a system call a busy machine takes the core away
            for _ in range(10_000):
                json.dumps(range_of_numbers)

        def run():
            # a program
            subprocess.run(['sleep', '0.3'], check=True)

        async def checkout(user):
            try:
                {functions[line]}()
            except TimeoutError:
                pass
    """
    (where, found, times, longest_ns), *others = blocking_lines(source)
    assert (found, times, others) == (code, 1, [])
    assert where == f"shop.py:{line}"
    assert 150_000_000 < longest_ns < 10_000_000_000


def test_what_python_resumes_after_a_signal_takes_no_longer_and_returns_what_it_would() -> None:
    source = """
        import select, time

        async def checkout(user):
            before = time.monotonic()
            time.sleep(0.2)
            assert time.monotonic() - before >= 0.2
            assert select.epoll().poll(0.1) == []
    """
    assert len(blocking_lines(source, times=2)) == 1


def test_nothing_is_found_where_nothing_blocks() -> None:
    source = """
        import json

        async def checkout(user):
            json.loads(json.dumps(list(range(1000))))
    """
    assert blocking_lines(source, times=3000) == []
