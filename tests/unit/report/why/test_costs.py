from loadlab.report.arrangement import arrange
from loadlab.report.why.costs import costs_of
from loadlab.results.directory import RunDirectory
from loadlab.results.model import CpuProbe, Probes, SyscallsProbe, TrialResult, Verdict

NBSP = "\N{NO-BREAK SPACE}"


def traced(repeat: int, slowdown: float | None) -> TrialResult:
    return TrialResult(
        id=f"{repeat}",
        repeat=repeat,
        factors={},
        state="done",
        verdict=Verdict(state="valid"),
        probes=Probes(syscalls=SyscallsProbe(backend="strace", slowdown=slowdown)),
    )


def test_a_row_for_each_line_and_a_column_for_each_x(probed_run: RunDirectory) -> None:
    document = probed_run.read_document()
    syscalls, cpu = costs_of(arrange(document.profile, document.trials))
    assert syscalls.columns == ("dead connections", "by", "0", "1,000", "5,000", "10,000", "19,000")
    assert syscalls.rows == (
        ("select", "bpftrace", *[f"30{NBSP}%"] * 4, "\N{EN DASH}"),
        ("epoll", "bpftrace", *[f"30{NBSP}%"] * 5),
    )
    assert (syscalls.note, cpu.note[:8]) == ("", "The part")
    assert cpu.rows[1] == ("epoll", "py-spy", *[f"12{NBSP}%"] * 5)


def test_repeats_give_their_median_and_a_faster_pass_is_below_zero() -> None:
    [table] = costs_of(arrange({}, [traced(1, -0.5), traced(2, -0.031), traced(3, 0.9), traced(4, None)]))
    assert table.columns == ("", "by", "lost")
    assert table.rows == (("the target", "strace", f"\N{MINUS SIGN}3{NBSP}%"),)


def test_a_loss_that_rounds_to_nothing_has_no_sign() -> None:
    [table] = costs_of(arrange({}, [traced(1, -0.001)]))
    assert table.rows[0][2] == f"0{NBSP}%"


def test_no_pass_has_no_table(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert costs_of(arrange(document.profile, document.trials)) == ()
    trial = document.trials[0].model_copy(update={"probes": Probes(cpu=CpuProbe(problems=["perf died"]))})
    assert costs_of(arrange(document.profile, [trial])) == ()
