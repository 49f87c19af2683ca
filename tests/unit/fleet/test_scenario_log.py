"""What scenarios print, in a file that stays small."""

from pathlib import Path

from loadlab.fleet.scenario_log import MOST_PRINTED_BYTES, ScenarioLog


def test_each_process_that_printed_something_has_a_section(tmp_path: Path) -> None:
    path = tmp_path / "scenario.log"
    path.write_text("of an attempt before\n")
    log = ScenarioLog(path)
    log.add("setup", "made 3 users: ä\n".encode())
    log.add("load worker 1", b"\n")
    log.add("load worker 2", b"hello\nworld")
    assert path.read_text() == "--- setup\nmade 3 users: ä\n--- load worker 2\nhello\nworld\n"


def test_nothing_printed_makes_no_file(tmp_path: Path) -> None:
    ScenarioLog(tmp_path / "scenario.log").add("load worker 1", b"")
    assert [*tmp_path.iterdir()] == []


def test_of_a_lot_begin_and_end_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "scenario.log"
    log = ScenarioLog(path)
    for number in range(10):
        log.add(f"load worker {number}", b"first\n" + b"x" * 2 * MOST_PRINTED_BYTES + b"\nlast")
    kept = path.read_bytes()
    assert len(kept) < 2**20 + 1000
    assert kept.startswith(b"--- load worker 0\nfirst\n")
    assert kept.count(b"\nlast\n--- ") == 3
    assert kept.endswith(b"--- load worker 9: left out, as this file is large enough\n")


def test_a_file_that_cannot_be_written_is_left_to_the_results(tmp_path: Path) -> None:
    ScenarioLog(tmp_path / "missing" / "scenario.log").add("load worker 1", b"hello")
    assert [*tmp_path.iterdir()] == []
