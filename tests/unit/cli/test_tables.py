"""The results table of the terminal, from the sample runs."""

from pathlib import Path

import pytest
from rich.console import Console

from loadlab.cli.progress import format_factors
from loadlab.cli.tables import (
    ResultsTable,
    answer_lines,
    certainty_lines,
    findings_lines,
    load_model_lines,
    sorted_trials,
    speed_lines,
    unseen_lines,
)
from loadlab.results.directory import RunDirectory
from loadlab.results.probe_data import CpuProbe, Probes, SyscallProfile, SyscallsProbe
from loadlab.results.requests import ConnectCounts
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed, SpeedReading

from ...more_sample_runs import write_open
from ...stream_runs import write_broadcast, write_websockets


def printed(document: RunDocument, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(ResultsTable(document))
    return capture.get().splitlines()


def test_trials_come_in_the_order_of_the_sweep(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    sweep = document.profile["sweep"]
    found = [(trial.factors["target.server"], trial.factors["load.idle"]) for trial in sorted_trials(document)]
    assert found == [(server, idle) for server in sweep["target.server"] for idle in sweep["load.idle"]]
    assert [trial.id for trial in document.trials] != [trial.id for trial in sorted_trials(document)]


def test_numbers_come_by_size_however_the_profile_writes_them(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    sweep = {"target.server": ["epoll"], "load.idle": ["19k", "1k", 0, "10k", "5k"]}
    trials = [trial for trial in document.trials if trial.factors["target.server"] == "epoll"]
    written = document.model_copy(update={"trials": trials, "profile": {**document.profile, "sweep": sweep}})
    assert [trial.factors["load.idle"] for trial in sorted_trials(written)] == [0, 1000, 5000, 10_000, 19_000]


def test_the_table_fits_a_terminal_of_80_columns(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    lines = printed(document, 80)
    assert not any("\u2026" in line for line in lines)
    assert len([line for line in lines if "epoll" in line]) == 5


def test_an_invalid_trial_shows_no_capacity(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    invalid = [trial for trial in document.trials if trial.state == "done" and trial.verdict.state == "invalid"]
    assert invalid
    for trial in invalid:
        header, _, row, *_ = printed(document.model_copy(update={"trials": [trial]}), 120)
        assert "req/s" not in header
        assert "p99" not in header
        assert row.split()[-1] == "invalid"
        assert list(load_model_lines(document.model_copy(update={"trials": [trial]}))) == []


@pytest.fixture(scope="module")
def open_load(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    return write_open(tmp_path_factory.mktemp("open")).read_document()


def test_the_model_of_the_load_stands_below_and_beside_only_where_both_occur(
    sample_run: RunDirectory, open_load: RunDocument
) -> None:
    (closed,) = load_model_lines(sample_run.read_document())
    assert closed == "Closed model: users wait while the server stalls, so latencies suffer from coordinated omission."
    (opened,) = load_model_lines(open_load)
    assert opened.startswith("Open model: p50 and p99 are response times")
    assert "model" not in printed(open_load, 120)[0]
    first, *others = open_load.trials
    both = [first.model_copy(update={"load_model": "closed"}), *others]
    mixed = open_load.model_copy(update={"trials": both})
    header, *_ = printed(mixed, 120)
    assert "model" in header.split()
    assert list(load_model_lines(mixed)) == [closed, opened]


def test_an_open_load_has_its_service_time_and_what_was_not_answered(open_load: RunDocument) -> None:
    header, _, *rows = printed(open_load, 120)
    assert " ".join(header.split()) == "server rate req/s dropped cut p50 p99 service p99 CPU per req verdict"
    assert "offered" not in header
    assert "≥ 16.7k" in rows[7]
    overloaded, calm = rows[7].split(), rows[6].split()
    assert (overloaded[3:6], overloaded[-1]) == (["16.7k", "14.7k", "64"], "suspect")
    assert (calm[3:5], calm[-1]) == (["0", "0"], "valid")


def test_a_ramp_shows_what_was_offered_on_average(open_load: RunDocument) -> None:
    trials = [trial.model_copy(update={"factors": {}}) for trial in open_load.trials[:1]]
    profile = {**open_load.profile, "sweep": {}}
    header, _, row, *_ = printed(open_load.model_copy(update={"trials": trials, "profile": profile}), 120)
    assert header.split()[0] == "offered"
    assert row.split()[0] == "500"


def test_a_percentile_with_too_few_samples_is_not_shown(open_load: RunDocument) -> None:
    first = open_load.trials[0]
    few = first.model_copy(update={"response_ns": first.response_ns.model_copy(update={"count": 900})})
    header, _, row, *_ = printed(open_load.model_copy(update={"trials": [few]}), 120)
    assert " ".join(header.split()) == "server rate req/s p50 service p99 CPU per req verdict"
    assert "µs" in row


def test_a_narrow_terminal_loses_no_figure(open_load: RunDocument) -> None:
    assert not any("\u2026" in line for line in printed(open_load, 60))
    assert len(printed(open_load, 60)) > len(printed(open_load, 120))


@pytest.mark.parametrize("width", [60, 70, 80])
def test_on_a_narrow_terminal_names_and_numbers_stay_whole(sample_run: RunDirectory, width: int) -> None:
    lines = printed(sample_run.read_document(), width)
    words = {word for line in lines for word in line.split()}
    assert {"select", "epoll", "19,000", "20.2k", "1.26", "valid", "invalid", "possible"} <= words
    assert max(map(len, lines)) <= width


def test_cpu_times_are_left_out_where_there_is_no_room(sample_run: RunDirectory) -> None:
    def has_client(width: int) -> bool:
        return any("client" in line for line in printed(sample_run.read_document(), width))

    assert [has_client(width) for width in (60, 70)] == [False, True]


def test_each_kind_of_finding_is_reported_once(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    lines = list(findings_lines(document))
    codes = {
        finding.code for trial in document.trials for finding in trial.verdict.findings if finding.severity != "note"
    }
    assert codes
    assert len(lines) == len(codes)


def test_factors_in_a_few_words() -> None:
    assert format_factors({"target.server": "epoll", "load.idle": 19000}) == "server epoll, idle 19k"
    assert format_factors({}) == "the only trial"


def with_probes(document: RunDocument, *probes: Probes) -> RunDocument:
    trials = [document.trials[0].model_copy(update={"probes": each}) for each in probes]
    return document.model_copy(update={"trials": trials})


def test_a_probe_that_saw_nothing_is_reported_once_with_what_would_help(sample_run: RunDirectory) -> None:
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


def test_a_cpu_profile_that_never_came_is_reported(sample_run: RunDirectory) -> None:
    document = with_probes(sample_run.read_document(), Probes(cpu=CpuProbe(problems=["the pass failed"])))
    (line,) = unseen_lines(document)
    assert line.endswith("The probe cpu saw nothing of the target: the pass failed")


def test_what_was_seen_or_never_asked_for_is_not_reported(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert list(unseen_lines(with_probes(document, Probes()))) == []
    seen = SyscallsProbe(backend="perf", target=SyscallProfile(backend="perf", window_ns=1, calls=[]))
    assert list(unseen_lines(with_probes(document, Probes(syscalls=seen)))) == []


def test_statuses_and_connections_are_summed_up_below_the_table(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert list(answer_lines(document)) == []
    first, second, *_ = document.trials
    trials = [
        first.model_copy(update={"statuses": {"200": 4, "503": 1_000}, "retried": 2}),
        second.model_copy(update={"statuses": {"200": 5}, "connects": ConnectCounts(opened=1_200), "surplus": 1}),
    ]
    assert list(answer_lines(document.model_copy(update={"trials": trials}))) == [
        "Responses by status: 503: 1,000, 200: 9.",
        "Within the windows: connections opened: 1,200; requests sent again on a new connection: 2; "
        "responses with surplus bytes behind them: 1.",
    ]
    plain = first.model_copy(update={"statuses": {"200": 4}, "connects": ConnectCounts(opened=7)})
    assert list(answer_lines(document.model_copy(update={"trials": [plain]}))) == [
        "Within the window: connections opened: 7."
    ]


def test_websockets_are_summed_up_by_their_close_codes(tmp_path: Path) -> None:
    document = write_websockets(tmp_path).read_document()
    assert list(answer_lines(document)) == [
        "Statuses and close codes: 1011 internal error: 6.",
        "Within the windows: pings answered: 144,600.",
    ]
    assert [*load_model_lines(document)] == [
        "Closed model: users wait while the server stalls, so latencies suffer from coordinated omission."
    ]


def test_events_are_counted_as_such_in_the_table(tmp_path: Path) -> None:
    document = write_broadcast(tmp_path).read_document()
    heading = " ".join(printed(document, 250)[0].split())
    assert heading.startswith(
        "server connections events/s delay p50 delay p99 p50 p99 first p50 first p99 CPU per event"
    )
    # Where it is narrow the server's pace and what follows from it are left out.
    narrow = printed(document, 80)
    assert not [line for line in narrow if "first" in line]
    assert [line.split()[3:7] for line in narrow if "15,000" in line] == [
        ["67.9", "ms", "134", "ms"],
        ["105", "ms", "208", "ms"],
    ]
    assert [*load_model_lines(document)] == [
        "p50 and p99 are times between events; delay, where it is known, how long events were under way."
    ]
    assert [*answer_lines(document)] == ["Within the windows: streams ended by the server: 422."]


def test_the_speed_of_the_machine_is_printed_with_what_it_made_necessary(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert list(speed_lines(document)) == []
    readings = [SpeedReading(at=at, target_ns=100, client_ns=ns) for at, ns in enumerate([100, 100, 200, 100])]
    first, second, *_ = document.trials
    measured = document.model_copy(
        update={"speed": MachineSpeed(readings=readings, target_ns=100, client_ns=100), "spoiled": [first]}
    )
    assert list(speed_lines(measured)) == [
        "This machine's speed moved by 50\N{NO-BREAK SPACE}% during the run "
        "(the target's cores 0\N{NO-BREAK SPACE}%, the client's cores 50\N{NO-BREAK SPACE}%).",
        "1 trial was measured again, as the machine had spoiled 1 attempt.",
    ]
    twice = document.model_copy(update={"spoiled": [first, first, second]})
    assert list(speed_lines(twice)) == ["2 trials were measured again, as the machine had spoiled 3 attempts."]


def test_intervals_stand_beside_figures_where_there_is_room(open_load: RunDocument) -> None:
    first, *others = open_load.trials
    rate = first.requests_per_second or 0.0
    known = first.model_copy(update={"confidence": {"requests_per_second": (rate * 0.98, rate * 1.01)}})
    document = open_load.model_copy(update={"trials": [known, *others]})
    assert any("\N{PLUS-MINUS SIGN}2%" in line for line in printed(document, 140))
    assert not any("\N{PLUS-MINUS SIGN}" in line for line in printed(document, 60))


def test_one_window_per_trial_is_said_to_have_no_interval(open_load: RunDocument) -> None:
    [line] = certainty_lines(open_load)
    assert line.startswith("One window per trial: no intervals")
