import itertools
from pathlib import Path

import pytest

from loadlab.report import render
from loadlab.report.sections.over_time import OverTime, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.machine import MachineResult
from loadlab.results.requests import Interval
from loadlab.results.run import RunDocument
from loadlab.results.trial import Round, TrialResult

from .....over_time_run import with_readings, write_over_time
from .....sample_run import measured_trial
from ...laid_out import run_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return write_over_time(tmp_path_factory.mktemp("over-time"))


@pytest.fixture(scope="module")
def chapter(run: RunDirectory) -> OverTime:
    return over_time(run.read_document(), run.read_document().trials)


@pytest.fixture(scope="module")
def document(run: RunDirectory) -> RunDocument:
    return run.read_document()


def over_time(document: RunDocument, trials: list[TrialResult]) -> OverTime:
    [section] = sections_of(run_of(document.model_copy(update={"trials": trials})))
    return section


def quiet_trial(number: int, **changes: object) -> TrialResult:
    trial, _ = measured_trial(f"{number:03}", "epoll", number)
    return with_readings(trial).model_copy(update=changes)


def test_every_measured_trial_can_be_chosen_an_invalid_one_too(chapter: OverTime) -> None:
    assert len(chapter.trials) == 13
    assert [trial.name for trial in chapter.trials if "invalid" in trial.name] == [
        "poll at 10,000 idle connections (invalid)"
    ]


def test_the_one_in_which_something_moved_is_shown_first(chapter: OverTime) -> None:
    assert [trial.name for trial in chapter.trials if trial.chosen] == ["epoll at 5,000 idle connections"]
    assert chapter.sentence == (
        "Changed within the window: memory of the target (epoll at 5,000 idle connections). Everything else was steady."
    )


def test_a_quiet_run_says_so_and_shows_the_end_of_its_first_line(document: RunDocument) -> None:
    chapter = over_time(document, [quiet_trial(number) for number in (1, 2, 3)])
    assert chapter.sentence == "Everything was steady over the window in all 3 trials."
    assert [trial.id for trial in chapter.trials if trial.chosen] == ["003"]
    assert over_time(document, [quiet_trial(1)]).sentence == "Everything was steady over the window."


def test_many_trials_are_counted(document: RunDocument) -> None:
    halves = [
        Interval(start=second / 4, end=(second + 1) / 4, requests=500 + 500 * (second > 3)) for second in range(8)
    ]
    chapter = over_time(document, [quiet_trial(number, intervals=halves) for number in (1, 2, 3)])
    assert chapter.sentence == "Changed within the window: throughput (3 trials). Everything else was steady."


def test_throughput_of_a_long_window_has_few_steps_that_lose_no_request(document: RunDocument) -> None:
    intervals = [Interval(start=second, end=second + 1, requests=1000 + second) for second in range(1000)]
    [trial] = over_time(document, [quiet_trial(1, intervals=intervals)]).trials
    throughput = trial.panels[0]
    assert len(throughput.lines[0].values) == len(throughput.seconds) - 1 <= 64
    lengths = [end - start for start, end in itertools.pairwise(throughput.seconds)]
    counted = sum((rate or 0) * length for rate, length in zip(throughput.lines[0].values, lengths, strict=True))
    assert counted == pytest.approx(sum(interval.requests for interval in intervals))


def test_rounds_follow_each_other_without_what_the_machine_did_between_them(document: RunDocument) -> None:
    [trial, *_] = [trial for trial in document.trials if trial.probes.procfs and trial.probes.sockets]
    rounds = [Round(at=at, window_ns=10**8, requests=9, requests_per_second=90.0) for at in (0.0, 30.0)]
    chapter = over_time(document, [trial.model_copy(update={"rounds": rounds})])
    assert chapter.in_rounds
    assert "CPU of the target" in chapter.titles
    assert [title for title in chapter.titles if "TCP" in title] == []
    assert "rounds" in chapter.sentence


def test_a_run_that_was_not_watched_has_no_chapter(sample_run: RunDirectory) -> None:
    assert [*sections_of(run_of(sample_run.read_document()))] == []


def test_the_scripts_data_are_short_and_counts_are_whole(chapter: OverTime) -> None:
    [(element, data)] = chapter.data().items()
    assert element == "over-time-data"
    assert isinstance(data, dict)
    panels = {str(panel["title"]): panel for panel in data[chapter.trials[0].id]}
    assert panels["Open descriptors of the target"]["lines"] == [{"name": "", "values": [5020] * 9}]
    throughput = panels["Throughput"]["lines"]
    assert isinstance(throughput, list)
    assert all(len(f"{value:.10g}") <= 6 for value in throughput[0]["values"])


def test_the_page_has_it_with_its_script(run: RunDirectory, sample_run: RunDirectory) -> None:
    page, without = render(run), render(sample_run)
    assert page.count('<option value="') == 13
    assert 'id="over-time-data"' in page
    assert "over-time-data" not in without


def test_a_name_from_outside_is_text(tmp_path: Path, run: RunDirectory) -> None:
    document = run.read_document()
    evil = "</option><img src=x onerror=alert(1)>"
    trials = [quiet_trial(number, factors={"target.server": evil, "load.idle": number}) for number in (1, 2)]
    (tmp_path / "profile.yaml").write_text("")
    written = RunDirectory(tmp_path)
    written.write_document(document.model_copy(update={"trials": trials}))
    page = render(written)
    assert "&lt;/option&gt;&lt;img src=x onerror=alert(1)&gt; at 1 idle connection" in page
    assert "<img" not in page.rpartition("</main>")[0].partition("<main>")[2]


def test_without_client_processes_here_it_says_where_the_load_came_from(document: RunDocument) -> None:
    trial = quiet_trial(1)
    procfs = trial.probes.procfs
    assert procfs is not None
    machine = MachineResult(name="a", host="a", cores=1, workers=1, holders=0, connections=1, idle=0)
    probes = trial.probes.model_copy(update={"procfs": procfs.model_copy(update={"client": []})})
    elsewhere = trial.model_copy(update={"probes": probes, "machines": [machine]})
    assert over_time(document, [elsewhere]).client.startswith("The load came from machines")
    assert over_time(document, [trial]).client.startswith("The client is the load workers")
