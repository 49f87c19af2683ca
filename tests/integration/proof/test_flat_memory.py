"""A load worker's memory does not grow with the number of requests: benchmarks/memory.py, kept short."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "memory.py"
# A quarter of a minute on a machine with nothing else to do.
DEADLINE_SECONDS = 280
SHORT = ("--requests", "150k", "--stretch", "50k")


@pytest.mark.timeout(300)
def test_memory_is_the_same_after_many_thousand_requests() -> None:
    # One object kept for each request, be it but an integer, would be a tenth more at the end, and 5 % are allowed.
    command = [sys.executable, str(BENCHMARK), *SHORT]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[2] for line in ended.stdout.splitlines()] == ["50,000", "100,000", "150,000"]
