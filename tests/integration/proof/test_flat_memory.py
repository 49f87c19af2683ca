"""A load worker's memory does not grow with the number of requests: benchmarks/memory.py, kept short."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "memory.py"
# Half a minute on a machine with nothing else to do.
DEADLINE_SECONDS = 280
SHORT = ("--requests", "300k", "--stretch", "100k")


@pytest.mark.timeout(300)
def test_memory_is_the_same_after_a_few_hundred_thousand_requests() -> None:
    # One object kept for each request, be it but an integer, would be a fifth more at the end.
    command = [sys.executable, str(BENCHMARK), *SHORT]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[2] for line in ended.stdout.splitlines()] == ["100,000", "200,000", "300,000"]
