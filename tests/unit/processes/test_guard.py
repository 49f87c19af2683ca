"""What a guard gets to start a program."""

from loadlab.processes.guard import GuardedProgram


def test_a_program_is_described_in_one_line_whatever_its_words_hold() -> None:
    program = GuardedProgram(
        argv=["./server", "two\nlines", "straße", "\udcff"],
        environment={"A": "b", "EMPTY": ""},
        cwd=None,
        cpus=[0, 2],
        output="/tmp/target.log",
        stop_signal=15,
        grace_seconds=10.0,
    )
    line = program.to_json()
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert GuardedProgram.from_json(line) == program
