from loadlab.report.arrangement import arrange
from loadlab.report.why.missing import Missing, missing_of
from loadlab.results.model import CpuProbe, Probes, SyscallsProbe, TrialResult, Verdict


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
            ("0 dead connections", "10 dead connections"),
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
    assert gone.places == ("0 dead connections", "10 dead connections")
    # One that stands alone is told as it came.
    assert full.text == "CPU: perf: cannot read /tmp/loadlab-perf-c3/perf.data: no space left"


def test_messages_that_ask_for_something_else_stay_apart() -> None:
    trials = [
        failed(0, missed="perf: not allowed: sysctl kernel.perf_event_paranoid=1, now 3"),
        failed(10, missed="perf: not allowed: sysctl kernel.perf_event_paranoid=1, now 4"),
    ]
    assert len(missing_of(arrange({}, trials))) == 2
