"""What is done with runs that are over: compared, exported, and read by the names in docs/run-directory.md."""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from pydantic import BaseModel

from loadlab.results.run import RunDocument
from tests.documented import DOCUMENT, INLINE, TABLES, documented_fields

from .program import ANY_VERDICT, Program, set_each

PROFILE = """\
name: finished
target: {server: epoll}
load: {connections: 4, warmup: 50ms, duration: 100ms, timeout: 2s}
sweep: {target.server: [epoll, poll], load.idle: [0, 20]}
plot: {x: load.idle, series: target.server}
rounds: 6
expect: ["errors == 0", "p50 < 1us"]
"""


@pytest.fixture(scope="module")
def runs(make_program: Callable[[], Program]) -> tuple[Program, Path, Path]:
    """A program, and two runs of one profile."""
    first, second = make_program(), make_program()
    first.measure(PROFILE, ANY_VERDICT)
    second.measure(PROFILE, ANY_VERDICT)
    return first, first.run_directory(), second.run_directory()


@pytest.fixture(scope="module")
def probed(make_program: Callable[[], Program]) -> Path:
    """One of its trials with all probes."""
    program = make_program()
    one = set_each("probes=all", "target.server=[epoll]", "load.idle=[20]", "rounds=2")
    program.measure(PROFILE, *one, ANY_VERDICT)
    return program.run_directory()


def test_every_name_in_a_run_is_documented(probed: Path) -> None:
    document = json.loads((probed / "run.json").read_text())
    tables = {described: heading for heading, described in TABLES.items()}
    met: set[type[BaseModel]] = set()
    unknown = set()
    for described, name in names_in(document, RunDocument):
        met.add(described)
        if described not in INLINE and name not in documented_fields(tables[described]):
            unknown.add(f"{described.__name__}.{name}")
    assert unknown == set()
    assert {each.__name__ for each in met} >= {"TrialResult", "Round", "MachineSpeed", "ProcessUsage", "SocketsReading"}


def names_in(data: object, described: type[BaseModel]) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield each name in a document with the model that it belongs to; maps by names of the user's have none."""
    if isinstance(data, list):
        for each in data:
            yield from names_in(each, described)
    elif isinstance(data, dict):
        fields = {field.alias or name: field for name, field in described.model_fields.items()}
        for name, value in data.items():
            yield described, name
            for member in models_in(fields[name].annotation):
                yield from names_in(value, member)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation has no type of its own
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def test_every_file_of_a_run_is_documented(probed: Path) -> None:
    listed = {re.sub(r"\d{3}", "NNN", name) for name in re.findall(r"^      (\S+)", DOCUMENT.read_text(), re.MULTILINE)}
    stacks = r"trials/NNN/cpu-(target|client)-[a-z-]+\.folded"
    files = {str(file.relative_to(probed)) for file in probed.rglob("*") if file.is_file()}
    found = {re.sub(r"trials/\d{3}", "trials/NNN", name) for name in files}
    assert {name for name in found if not re.fullmatch(stacks, name)} - listed == set()
    assert "trials/NNN/cpu-<side>-<profiler>.folded" in DOCUMENT.read_text()


def test_two_runs_of_one_profile_compare(runs: tuple[Program, Path, Path], tmp_path: Path) -> None:
    program, *directories = runs
    page = tmp_path / "page.html"
    ended = program.run(
        "compare", *map(str, directories), "--html", str(page), "--fail-if", "throughput better by 900%"
    )
    assert ended.code == 0, ended.stderr
    assert "CPU time per request" in ended.stdout
    assert "20 idle connections" in page.read_text()
    found = json.loads(program.run("compare", *map(str, directories), "--json").stdout)["compared"][0]
    assert found["obstacles"] == []
    assert [setting["factors"]["load.idle"] for setting in found["settings"]] == [0, 20, 0, 20]
    figures = [each for setting in found["settings"] for each in setting["figures"]]
    assert all(each["interval"] for each in figures if each["metric"] == "target.cpu_ns_per_request")
    assert any(each["corrected"] for each in figures)


def test_a_run_of_another_load_is_refused(runs: tuple[Program, Path, Path], program: Program) -> None:
    program.measure(PROFILE, "--set", "load.connections=8", "--set", "rounds=1", ANY_VERDICT)
    ended = program.run("compare", str(runs[2]), str(program.run_directory()))
    assert ended.code == 2
    assert "load.connections: 4 → 8" in ended.stderr


def test_a_run_that_was_killed_can_be_compared_and_exported(runs: tuple[Program, Path, Path], tmp_path: Path) -> None:
    """It has a run.json without trials, and a file for each trial that had ended."""
    program, directory, other = runs
    killed = tmp_path / "killed"
    killed.mkdir()
    document = json.loads((other / "run.json").read_text())
    kept = document["trials"][:2]
    unfinished = document | {"trials": [], "finished": None, "laws": [], "speed": None}
    (killed / "run.json").write_text(json.dumps(unfinished))
    for trial in kept:
        folder = killed / "trials" / trial["id"]
        folder.mkdir(parents=True)
        (folder / "trial.json").write_text(json.dumps(trial))
    ended = program.run("compare", str(directory), str(killed))
    assert ended.code == 0, ended.stderr
    assert "not finished" in ended.stdout
    assert ended.stdout.count("not in the other run") == 2
    rows = read_csv(program.run("export", str(killed)).stdout)
    assert [row["trial"] for row in rows] == [trial["id"] for trial in kept]
    assert "2 of 4 trials were not measured" in program.run("export", str(killed), "--format", "junit").stdout


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_rows_can_be_piped(runs: tuple[Program, Path, Path]) -> None:
    program, directory, _ = runs
    command = program.command("export", str(directory))
    piped = subprocess.run(
        ["sh", "-c", '"$@" | cut -d, -f1 | head -2', "sh", *command], capture_output=True, text=True, check=True
    )
    assert (piped.stdout, piped.stderr) == ("trial\n001\n", "")


def test_rows_have_intervals(runs: tuple[Program, Path, Path]) -> None:
    program, directory, _ = runs
    for row in read_csv(program.run("export", str(directory)).stdout):
        if row["verdict"] != "invalid":
            low, value, high = (float(row[f"target.cpu_ns_per_request{end}"]) for end in (".low", "", ".high"))
            assert low <= value <= high
        assert row["rounds"] == "6"


def test_expectations_and_verdicts_are_test_cases(runs: tuple[Program, Path, Path]) -> None:
    program, directory, _ = runs
    suite = ElementTree.fromstring(program.run("export", str(directory), "--format", "junit").stdout).find("testsuite")
    assert suite is not None
    assert suite.get("tests") == "12"
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert "epoll, 20 idle connections: p50 < 1us" in failed


def test_promtool_accepts_the_metrics(runs: tuple[Program, Path, Path], need_program: Callable[[str], str]) -> None:
    promtool = need_program("promtool")
    program, directory, _ = runs
    text = program.run("export", str(directory), "--format", "openmetrics").stdout
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_latencies_are_read_by_another_reader(runs: tuple[Program, Path, Path], tmp_path: Path) -> None:
    program, directory, _ = runs
    path = tmp_path / "all.hlog"
    program.run("export", str(directory), "--format", "hlog", "--out", str(path))
    counts: dict[str, int] = {}
    log = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000_000, 3))
    while interval := log.get_next_interval_histogram():
        counts[interval.get_tag()] = counts.get(interval.get_tag(), 0) + interval.get_total_count()
    log.close()
    trials = json.loads((directory / "run.json").read_text())["trials"]
    assert {trial["id"]: counts[f"{trial['id']}/response"] for trial in trials} == {
        trial["id"]: trial["requests"] for trial in trials
    }
