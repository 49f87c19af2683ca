"""What the terminal tells of probes that saw nothing."""

from loadlab.cli.unseen import unseen_lines
from loadlab.results.directory import RunDirectory
from loadlab.results.model import CpuProbe, Probes, RunDocument, SyscallsProbe
from loadlab.results.syscalls import SyscallProfile


def with_probes(document: RunDocument, *probes: Probes) -> RunDocument:
    trials = [document.trials[0].model_copy(update={"probes": each}) for each in probes]
    return document.model_copy(update={"trials": trials})


def test_a_probe_that_saw_nothing_is_told_once_with_what_would_help(sample_run: RunDirectory) -> None:
    lacking = SyscallsProbe(missed=["perf: not installed; apt-get install linux-perf"], problems=["none works here"])
    document = with_probes(sample_run.read_document(), *[Probes(syscalls=lacking)] * 2, Probes())
    assert list(unseen_lines(document)) == [
        "2 of 3 trials: The probe syscalls saw nothing of the target: "
        "none works here; perf: not installed; apt-get install linux-perf"
    ]


def test_a_better_backend_that_is_missing_is_not_why_the_one_used_failed(sample_run: RunDirectory) -> None:
    failed = SyscallsProbe(backend="perf", missed=["bpftrace: not installed"], problems=["target: perf was killed"])
    document = with_probes(sample_run.read_document(), Probes(syscalls=failed))
    assert [line.rpartition("target: ")[2] for line in unseen_lines(document)] == ["perf was killed"]


def test_a_cpu_profile_that_never_came_is_told(sample_run: RunDirectory) -> None:
    document = with_probes(sample_run.read_document(), Probes(cpu=CpuProbe(problems=["the pass failed"])))
    (line,) = unseen_lines(document)
    assert line.endswith("The probe cpu saw nothing of the target: the pass failed")


def test_what_was_seen_or_never_asked_for_is_not_told(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert list(unseen_lines(with_probes(document, Probes()))) == []
    seen = SyscallsProbe(backend="perf", target=SyscallProfile(backend="perf", window_ns=1, calls=[]))
    assert list(unseen_lines(with_probes(document, Probes(syscalls=seen)))) == []
