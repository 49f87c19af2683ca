from pathlib import Path

from loadlab.probes.cpu.held import LONGEST_STOP_SECONDS, HeldProcesses

TRACER = 77


def write_status(proc: Path, pid: int, state: str, tracer: int = TRACER, switches: int = 5) -> None:
    """Write a process's status as the kernel does."""
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / str(pid) / "status").write_text(
        f"Name:\tserver\nState:\t{state}\nTracerPid:\t{tracer}\n"
        f"voluntary_ctxt_switches:\t{switches}\nnonvoluntary_ctxt_switches:\t2\n"
    )


def test_a_process_that_stays_in_one_stop_is_held(tmp_path: Path) -> None:
    write_status(tmp_path, 1, "R (running)")
    write_status(tmp_path, 2, "t (tracing stop)")
    held = HeldProcesses([1, 2], tmp_path)
    assert held.find(100.0) is None
    assert held.find(99.9 + LONGEST_STOP_SECONDS) is None
    assert held.find(100.0 + LONGEST_STOP_SECONDS) == 2


def test_so_is_one_of_which_a_traced_zombie_is_left(tmp_path: Path) -> None:
    write_status(tmp_path, 1, "Z (zombie)")
    held = HeldProcesses([1], tmp_path)
    assert held.find(0.0) is None
    assert held.find(LONGEST_STOP_SECONDS) == 1


def test_stops_that_follow_each_other_are_samples(tmp_path: Path) -> None:
    held = HeldProcesses([1], tmp_path)
    for look in range(10):
        write_status(tmp_path, 1, "t (tracing stop)", switches=look)
        assert held.find(look * LONGEST_STOP_SECONDS) is None


def test_one_that_ran_in_between_was_in_two_stops(tmp_path: Path) -> None:
    held = HeldProcesses([1], tmp_path)
    for look, state in enumerate(["t (tracing stop)", "S (sleeping)", "t (tracing stop)"]):
        write_status(tmp_path, 1, state)
        assert held.find(look * LONGEST_STOP_SECONDS) is None


def test_a_zombie_that_waits_for_its_parent_and_one_that_is_gone_are_not_held(tmp_path: Path) -> None:
    write_status(tmp_path, 1, "Z (zombie)", tracer=0)
    held = HeldProcesses([1, 2], tmp_path)
    assert [held.find(now) for now in (0.0, LONGEST_STOP_SECONDS)] == [None, None]


def test_where_the_kernel_does_not_count_switches_nothing_is_known_to_be_held(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "status").write_text("State:\tt (tracing stop)\nTracerPid:\t77\n")
    held = HeldProcesses([1], tmp_path)
    assert [held.find(now) for now in (0.0, LONGEST_STOP_SECONDS)] == [None, None]
