from loadlab.report.layout import arrange
from loadlab.report.sections.why.costs import Missing, costs_of, missing_of
from loadlab.results.directory import RunDirectory
from loadlab.results.probe_data import CpuProbe, Probes, SyscallsProbe
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Verdict

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
    assert syscalls.columns == ("idle connections", "by", "0", "1,000", "5,000", "10,000", "19,000")
    assert syscalls.rows == (
        ("select", "bpftrace", *[f"30{NBSP}%"] * 4, "\N{EN DASH}"),
        ("epoll", "bpftrace", *[f"30{NBSP}%"] * 5),
    )
    assert (syscalls.note, cpu.note[:9]) == ("", "The share")
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


def failed(idle: int, *, missed: str = "", problem: str = "") -> TrialResult:
    syscalls = SyscallsProbe(missed=[missed]) if missed else None
    cpu = CpuProbe(problems=[problem]) if problem else None
    return TrialResult(
        id=f"{idle}",
        repeat=1,
        factors={"load.idle": idle},
        state="done",
        verdict=Verdict(state="valid"),
        probes=Probes(syscalls=syscalls, cpu=cpu),
    )


def test_the_same_message_is_told_once_with_its_places() -> None:
    trials = [failed(idle, missed="perf: not installed; apt-get install linux-perf") for idle in (0, 10)]
    assert missing_of(arrange({}, trials)) == (
        Missing(
            "System calls: perf: not installed; apt-get install linux-perf",
            ("0 idle connections", "10 idle connections"),
        ),
    )


def test_messages_that_differ_in_a_file_or_a_process_are_one() -> None:
    trials = [
        failed(0, problem="perf: cannot read /tmp/loadlab-perf-a1/perf.data: process 71 is gone"),
        failed(10, problem="perf: cannot read /tmp/loadlab-perf-b2/perf.data: process 82 is gone"),
        failed(20, problem="perf: cannot read /tmp/loadlab-perf-c3/perf.data: no space left"),
    ]
    gone, full = missing_of(arrange({}, trials))
    assert gone.text == "CPU: perf: cannot read …: process … is gone"
    assert gone.places == ("0 idle connections", "10 idle connections")
    # One that stands alone is told as it came.
    assert full.text == "CPU: perf: cannot read /tmp/loadlab-perf-c3/perf.data: no space left"


def test_messages_that_ask_for_something_else_stay_apart() -> None:
    trials = [
        failed(0, missed="perf: not allowed: sysctl kernel.perf_event_paranoid=1, now 3"),
        failed(10, missed="perf: not allowed: sysctl kernel.perf_event_paranoid=1, now 4"),
    ]
    assert len(missing_of(arrange({}, trials))) == 2
