import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from loadlab.errors import ReportError
from loadlab.recording.histogram import Histogram
from loadlab.results.directory import TARGET_LOG, RunDirectory, write_whole
from loadlab.results.latency_log import LatencyInterval


def test_writes_and_overwrites_leaving_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_whole(path, "old")
    write_whole(path, "new, with a µ\n")
    assert path.read_bytes() == "new, with a µ\n".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_a_write_past_the_limit_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text("old")
    # A real short write, by the kernel's own limit; in a process of its own, since the limit holds for all its files.
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from loadlab.errors import ReportError; from loadlab.results.directory import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: write_whole(Path(sys.argv[1]), 'x' * 50_000)\n"
        "except ReportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Cannot write {path}: File too large; ")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


def test_a_full_disk_is_reported_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "run.json"
    with pytest.raises(ReportError) as caught:
        write_whole(path, "anything")
    assert str(caught.value) == (
        f"Cannot write {path}: No space left on device; free some space there, or choose another place with --out."
    )
    assert not any(tmp_path.iterdir())


def test_an_interrupt_leaves_no_unfinished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "run.json", "anything")
    assert not any(tmp_path.iterdir())


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"gone/run\.json: No such file or directory"):
        write_whole(tmp_path / "gone" / "run.json", "anything")


STARTED = datetime(2026, 10, 14, 17, 5, 1, tzinfo=UTC)


@pytest.fixture
def run(reports: Path) -> RunDirectory:
    return RunDirectory.create(reports, "select-vs-epoll", "name: select-vs-epoll\n", STARTED)


def test_the_log_of_a_target_is_changed_in_place_whatever_bytes_it_has(run: RunDirectory) -> None:
    log = run.place_log("001", TARGET_LOG)
    log.write_bytes(b"secret\r\n\xff\x00" + b"a line\n" * 50_000 + b"secret")
    run.rewrite_log("001", TARGET_LOG, lambda text: text.replace("secret", "***"))
    assert log.read_bytes() == b"***\r\n\xff\x00" + b"a line\n" * 50_000 + b"***"
    assert [each.name for each in log.parent.iterdir()] == ["target.log"]


def test_there_is_no_log_to_change_of_a_target_that_was_not_started(run: RunDirectory) -> None:
    run.rewrite_log("001", TARGET_LOG, str.upper)
    run.place_log("002", TARGET_LOG)
    run.rewrite_log("002", TARGET_LOG, str.upper)
    assert not list(run.path.glob("trials/*/*"))


def test_create_names_the_directory_by_utc_time_and_profile(reports: Path, run: RunDirectory) -> None:
    assert run.path == reports / "2026-10-14T17-05-01Z-select-vs-epoll"
    assert run.read_profile_text() == "name: select-vs-epoll\n"
    assert [each.name for each in run.path.iterdir()] == ["profile.yaml"]


def test_local_time_is_turned_into_utc(reports: Path) -> None:
    started = STARTED.astimezone(timezone(timedelta(hours=9)))
    assert RunDirectory.create(reports, "x", "", started).path.name == "2026-10-14T17-05-01Z-x"


def test_runs_of_the_same_second_do_not_share_a_directory(reports: Path) -> None:
    names = [RunDirectory.create(reports, "x", f"{number}", STARTED).path.name for number in range(3)]
    assert names == [f"2026-10-14T17-05-01Z-x{suffix}" for suffix in ("", "-2", "-3")]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("<img src=x onerror=alert(1)>", "img-src-x-onerror-alert-1"),
        ("été 事件驱动", "été-事件驱动"),
        ("हिन्दी", "हिन्दी"),
        ("事" * 80, "事" * 66),
        ("\u202eevil", "evil"),
        ("///", "run"),
        ("n" * 500, "n" * 80),
    ],
)
def test_a_profile_name_never_leaves_the_parent(reports: Path, name: str, safe: str) -> None:
    path = RunDirectory.create(reports, name, "", STARTED).path
    assert path.parent == reports
    assert path.name == f"2026-10-14T17-05-01Z-{safe}"


def test_a_locale_without_a_script_keeps_what_it_can_write(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(name: str) -> bytes:
        return name.encode("iso8859-1")

    monkeypatch.setattr("loadlab.results.directory.os.fsencode", encode)
    assert RunDirectory.create(reports, "事件-driven", "", STARTED).path.name == "2026-10-14T17-05-01Z-driven"


def test_create_fails_at_once_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    for parent in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ReportError, match=rf"Cannot write {parent}: .*; name a directory with --out"):
            RunDirectory.create(parent, "x", "", STARTED)


def test_without_the_file_the_profile_is_what_run_json_keeps_of_it(run: RunDirectory, sample_run: RunDirectory) -> None:
    (run.path / "profile.yaml").unlink()
    document = sample_run.read_document()
    run.write_document(document)
    text = run.read_profile_text()
    assert yaml.safe_load(text) == document.profile
    assert text.startswith("name: select-vs-epoll\n")


def test_a_document_comes_back_as_it_was_written(run: RunDirectory, sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    run.write_document(document)
    assert RunDirectory.open(run.path).read_document() == document
    assert RunDirectory.open(run.path / "run.json").path == run.path


@pytest.fixture
def killed(run: RunDirectory, sample_run: RunDirectory) -> RunDirectory:
    """A run that was killed after its second and its thousandth trial had been written, and no other."""
    document = sample_run.read_document()
    run.write_document(document.model_copy(update={"finished": None, "trials": []}))
    for trial, trial_id in zip(document.trials, ("1000", "002"), strict=False):
        run.write_trial(trial.model_copy(update={"id": trial_id}))
    return run


def test_a_run_that_was_killed_has_the_trials_that_were_written(killed: RunDirectory) -> None:
    assert [trial.id for trial in killed.read_document().trials] == ["002", "1000"]


@pytest.mark.parametrize("content", ["", '{"id": ', "[" * 100_000])
def test_a_damaged_trial_is_named(killed: RunDirectory, content: str) -> None:
    (killed.path / "trials" / "002" / "trial.json").write_text(content)
    with pytest.raises(
        ReportError, match=r"002/trial\.json is not JSON .* damaged: delete it to leave the trial out\."
    ):
        killed.read_document()


def test_run_json_uses_the_documented_names(sample_run: RunDirectory) -> None:
    data = json.loads((sample_run.path / "run.json").read_text())
    assert data["schema"] == "loadlab.run/1"
    assert data["trials"][0]["factors"].keys() == {"target.server", "load.idle"}
    assert data["trials"][0]["response_ns"].keys() == {"p50", "p90", "p99", "p99.9", "max", "mean", "count", "too_low"}


def test_what_is_not_a_number_is_null_in_run_json(run: RunDirectory, sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trial = document.trials[0].model_copy(update={"requests_per_second": float("nan"), "cost_ns": float("inf")})
    run.write_document(document.model_copy(update={"trials": [trial]}))
    text = (run.path / "run.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert run.read_document().trials[0].requests_per_second is None


def test_latencies_come_back_merged(run: RunDirectory) -> None:
    histogram = Histogram()
    histogram.fold([1000, 2000])
    run.write_latency_log("007", [LatencyInterval(0, 1, {"response": histogram})] * 2)
    assert (run.path / "trials" / "007" / "latency.hlog").is_file()
    assert run.read_latencies("007")["response"].count == 4


def test_latencies_come_back_by_their_rounds(run: RunDirectory) -> None:
    histogram = Histogram()
    histogram.fold([1000, 2000])
    run.write_latency_log("007", [LatencyInterval(0, 1, {"response": histogram})] * 2)
    assert [each.count for each in run.read_latency_rounds("007", "response")] == [2, 2]
    assert run.read_latency_rounds("008", "response") == []


def test_a_trial_without_a_log_has_no_latencies(run: RunDirectory) -> None:
    assert run.read_latencies("001") == {}


def test_a_damaged_log_is_named(run: RunDirectory) -> None:
    run.write_latency_log("001", [])
    (run.path / "trials" / "001" / "latency.hlog").write_text("nonsense\n")
    with pytest.raises(ReportError, match=r"001/latency\.hlog is damaged: line 1"):
        run.read_latencies("001")


@pytest.mark.parametrize("trial_id", ["../../x", "..", "", "a/b"])
def test_a_trial_id_cannot_lead_out_of_the_directory(run: RunDirectory, trial_id: str) -> None:
    with pytest.raises(ReportError, match="ids are letters"):
        run.read_latencies(trial_id)


def test_the_sources_of_scenarios_that_differ_are_kept_apart(run: RunDirectory) -> None:
    shop = {"shop.py": "import flows.basket\r\n", "flows/__init__.py": "", "flows/basket.py": "# ä"}
    run.write_scenarios([shop, {"other.py": "1", **shop}, {"shop.py": "2"}, {"shop.py": "2", "more.py": "3"}])
    written = {str(file.relative_to(run.path)): file.read_bytes() for file in run.path.glob("scenario*/**/*.py")}
    assert written == {
        "scenario/shop.py": b"import flows.basket\r\n",
        "scenario/flows/__init__.py": b"",
        "scenario/flows/basket.py": "# ä".encode(),
        "scenario/other.py": b"1",
        "scenario-2/shop.py": b"2",
        "scenario-2/more.py": b"3",
    }


def test_a_run_without_scenarios_has_no_folder_for_them(run: RunDirectory) -> None:
    run.write_scenarios([])
    assert not [*run.path.glob("scenario*")]


def test_the_page_is_written_beside(run: RunDirectory) -> None:
    run.write_page("<!doctype html>")
    assert run.page_path == run.path / "index.html"
    assert run.page_path.read_text() == "<!doctype html>"


def test_open_reports_a_missing_and_a_wrong_directory(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"There is no .*gone"):
        RunDirectory.open(tmp_path / "gone")
    with pytest.raises(ReportError, match=r"is not a run directory: it has no run\.json"):
        RunDirectory.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"schema": "loadlab.run/1", ', "is not JSON"),
        (b"[]", "has the schema None"),
        (b'{"schema": "loadlab.run/9"}', "has the schema 'loadlab.run/9', this loadlab reads 'loadlab.run/1'"),
        (b'{"schema": "loadlab.run/1"}', "does not fit loadlab.run/1: loadlab: Field required"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_damaged_document_is_one_clear_sentence(run: RunDirectory, content: bytes, complaint: str) -> None:
    (run.path / "run.json").write_bytes(content)
    with pytest.raises(ReportError, match=r"run\.json") as caught:
        RunDirectory.open(run.path).read_document()
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
