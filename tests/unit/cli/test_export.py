import json
from pathlib import Path

import pytest

from loadlab.cli.export import export
from loadlab.errors import LoadlabError
from tests.sample_run import sample_document, write_sample

STDOUT = Path("-")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_sample(tmp_path).path


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("csv", "trial,repeat,attempt,batch,target.server,load.idle,state"),
        ("json", "[\n"),
        ("junit", "<?xml version='1.0' encoding='utf-8'?>\n<testsuites>"),
        ("openmetrics", "# HELP loadlab_requests_per_second"),
        ("hlog", "#[Histogram log format version 1.3]\n"),
    ],
)
def test_standard_output_and_a_file_have_the_same(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, begins: str
) -> None:
    export(run, form, STDOUT, None)
    printed = capsys.readouterr().out
    assert printed.startswith(begins)
    path = tmp_path / "exported"
    export(run, form, path, None)
    assert path.read_text() == printed
    assert capsys.readouterr().out == ""


def test_one_trial(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(run, "json", STDOUT, "003")
    assert [row["trial"] for row in json.loads(capsys.readouterr().out)] == ["003"]
    with pytest.raises(LoadlabError, match=r"the run has no trial '3'"):
        export(run, "json", STDOUT, "3")


def test_an_unknown_format_is_a_usage_error(run: Path) -> None:
    with pytest.raises(LoadlabError, match=r"--format is csv, json, junit, openmetrics or hlog, not 'cvs'"):
        export(run, "cvs", STDOUT, None)


def test_a_single_file_has_all_but_latencies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "printed.json"
    path.write_text(sample_document().model_dump_json(by_alias=True))
    export(path, "csv", STDOUT, None)
    assert capsys.readouterr().out.count("\n") == 16
    with pytest.raises(LoadlabError, match="is a single file"):
        export(path, "hlog", STDOUT, None)


def test_a_file_that_cannot_be_written_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(LoadlabError, match="cannot write"):
        export(run, "csv", tmp_path / "missing" / "rows.csv", None)
