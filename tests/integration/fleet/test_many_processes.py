"""As many processes as a large load takes, started by an ordinary user, whose pipes have a limit in all (pipe(7))."""

import shutil
import subprocess
import sys

import pytest

# An ordinary user may have 16,384 pages in pipes: 64 pipes of a mebibyte.
PROCESSES = 66
START_THEM = f"""
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.messages import Endpoint, IdlePart, Opened

part = IdlePart(Endpoint(("127.0.0.1", 1), []), b"", 1, 10**9, "silent", 10**9)
with LocalFleet(None) as fleet:
    fleet.start_holders([part] * {PROCESSES})
    opened = 0
    while opened < {PROCESSES}:
        opened += sum(isinstance(event.message, Opened) for event in fleet.next_events(10.0))
print("all opened")
"""


@pytest.mark.timeout(180)
def test_an_ordinary_user_starts_more_processes_than_large_pipes_would_allow() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is missing: apt-get install util-linux")
    # Without these capabilities root is limited like everyone else.
    limited = ["setpriv", "--bounding-set=-sys_resource,-sys_admin"]
    ended = subprocess.run(
        [*limited, sys.executable, "-c", START_THEM], capture_output=True, text=True, timeout=150, check=False
    )
    if "setpriv:" in ended.stderr:  # not root: limited anyway
        ended = subprocess.run([sys.executable, "-c", START_THEM], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "all opened\n", "")
