"""The profile of one million idle connections, with fifty thousand of them."""

import resource

import pytest

from loadlab.installation import bundled_directory

from .program import Program

IDLE = 50_000
ENOUGH_OPEN_FILES = 4096


@pytest.mark.alone  # it takes a third of the local ports, and counts the memory of all sockets there are
@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < ENOUGH_OPEN_FILES,
    reason=f"needs a hard limit of {ENOUGH_OPEN_FILES} open files",
)
def test_fifty_thousand_are_opened_held_measured_and_closed(program: Program) -> None:
    profile = (bundled_directory("profiles") / "c1m.yaml").read_text()
    settings = {"load.idle": "50k", "load.warmup": "200ms", "load.duration": "500ms"}
    program.measure(profile, *(part for pair in settings.items() for part in ("--set", "=".join(pair))))
    (trial,) = program.document()["trials"]
    assert trial["state"] == "done", trial["reason"]
    idle = trial["idle"]
    assert (idle["opened"], idle["alive_at_start"], idle["alive"], idle["problem"]) == (IDLE, IDLE, IDLE, None)
    assert trial["requests"] > 0
    assert set(trial["outcomes"]) - {"ok", "cut", "dropped"} == set()
    memory = trial["connection_memory"]
    assert memory["connections"] == IDLE
    assert min(memory["kernel_bytes"], memory["target_bytes"], memory["client_bytes"]) > 0
    in_all = memory["kernel_bytes"] + memory["target_bytes"] + memory["client_bytes"]
    assert memory["bytes_per_connection"] == pytest.approx(in_all / IDLE)
    # Two sockets with all that belongs to them are more than this in any kernel: nothing was left out.
    assert memory["kernel_bytes"] / IDLE > 4000
    program.check_drawable()
