from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.export.latencies import format_latencies
from loadlab.results.latency_log import parse_latency_log
from tests.sample_run import sample_trials, write_run, write_sample

TEXT = "name: mine\n"


def test_the_log_of_a_single_trial_is_as_it_is(tmp_path: Path) -> None:
    made = next(each for each in sample_trials() if each[1])
    run = write_run(tmp_path, TEXT, [made])
    text = format_latencies(run, run.read_document())
    assert text == (run.path / "trials" / made[0].id / "latency.hlog").read_text()


def test_several_logs_are_one_with_the_trials_in_their_tags(tmp_path: Path) -> None:
    run = write_sample(tmp_path)
    document = run.read_document()
    text = format_latencies(run, document)
    assert text.count("#[Histogram log format version") == 1
    merged = parse_latency_log(text)
    measured = [trial for trial in document.trials if trial.window_ns]
    assert {tag.partition("/")[0] for tag in merged} == {trial.id for trial in measured}
    assert all(merged[f"{trial.id}/response"].count == trial.requests for trial in measured)


def test_a_run_without_latencies_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path, TEXT, [each for each in sample_trials() if not each[1]])
    with pytest.raises(LoadlabError, match="has no latencies"):
        format_latencies(run, run.read_document())
