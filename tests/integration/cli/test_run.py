"""A run from profile to page, and what it leaves on disk: the names that every tool outside reads."""

import json
import re
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from .program import ANY_VERDICT, DEADLINE_SECONDS, QUICK, Ended, Program

HIGHEST_NS = 3_600_000_000_000
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
RUN_NAMES = {"schema", "loadlab", "command", "started", "profile", "host", "verdict", "trials", "laws"}
TRIAL_NAMES = {
    *("id", "repeat", "factors", "state", "reason", "verdict", "requests", "requests_per_second", "outcomes"),
    *("response_ns", "service_ns", "lateness_ns", "dispatch_ns", "idle", "target", "client", "probes"),
}
USAGE_NAMES = {
    *("cpu_user_ns_per_request", "cpu_system_ns_per_request", "context_switches_per_request"),
    *("rss_bytes", "processes", "threads"),
}


@pytest.fixture(scope="module")
def measured(make_program: Callable[[], Program]) -> tuple[Program, Ended]:
    """Two load workers, 200 idle connections, both servers of a sweep."""
    program = make_program()
    return program, program.measure(
        QUICK + "sweep: {target.server: [poll, epoll]}\nexpect: [failures == 0]\n",
        "--set",
        "load.idle=200",
        "--set",
        "load.workers=2",
        ANY_VERDICT,
    )


@pytest.fixture(scope="module")
def trial(measured: tuple[Program, Ended]) -> dict[str, Any]:
    """The first trial of it."""
    found: dict[str, Any] = measured[0].document()["trials"][0]
    return found


def test_it_ends_with_code_0_and_names_the_page(measured: tuple[Program, Ended]) -> None:
    program, ended = measured
    page = program.run_directory() / "index.html"
    assert ended.code == 0
    assert f"page: {page}" in ended.stdout
    assert page.read_text().rstrip().endswith("</html>")


def test_the_table_has_a_row_for_each_trial_without_colours(measured: tuple[Program, Ended]) -> None:
    _, ended = measured
    rows = [line.split()[0] for line in ended.stdout.splitlines() if line.strip()]
    assert rows[2:4] == ["poll", "epoll"]  # below the headings and their rule
    assert "\x1b" not in ended.stdout + ended.stderr


def test_the_document_has_the_agreed_names(measured: tuple[Program, Ended], trial: dict[str, Any]) -> None:
    document = measured[0].document()
    assert set(document) >= RUN_NAMES
    assert set(trial) >= TRIAL_NAMES
    assert {frozenset(one["factors"].items()) for one in document["trials"]} == {
        frozenset({("target.server", "poll")}),
        frozenset({("target.server", "epoll")}),
    }
    assert (document["schema"], document["profile"]["load"]["idle"]) == ("loadlab.run/1", 200)
    assert document["command"][:2] == ["loadlab", "run"]


def test_all_requests_are_counted_once(trial: dict[str, Any]) -> None:
    assert (trial["state"], trial["reason"]) == ("done", None)
    assert trial["requests"] > 0
    assert trial["requests"] == trial["outcomes"]["ok"] == trial["response_ns"]["count"]
    assert trial["requests"] == sum(interval["requests"] for interval in trial["intervals"])
    assert trial["requests_per_second"] == pytest.approx(trial["requests"] * 1e9 / trial["window_ns"])
    assert 0 < trial["window_ns"] < 2 * 200_000_000  # shorter where the worker woke late: its end was planned
    assert set(trial["outcomes"]) <= {"ok", "cut"}


@pytest.mark.parametrize("metric", ["response_ns", "service_ns", "lateness_ns", "dispatch_ns"])
def test_percentiles_rise(trial: dict[str, Any], metric: str) -> None:
    values = [trial[metric][name] for name in PERCENTILES]
    assert values == sorted(values)
    assert trial[metric]["count"] == trial["requests"]
    assert 0 <= trial[metric]["mean"] <= trial[metric]["max"]


def test_idle_connections_live_to_the_end(trial: dict[str, Any]) -> None:
    idle = trial["idle"]
    assert (idle["wanted"], idle["opened"], idle["alive_at_start"], idle["alive"]) == (200, 200, 200, 200)
    assert idle["open_seconds"] > 0


@pytest.mark.parametrize(("side", "processes"), [("target", 1), ("client", 2)])
def test_both_sides_have_their_processes_counted(trial: dict[str, Any], side: str, processes: int) -> None:
    usage = trial[side]
    assert set(usage) >= USAGE_NAMES
    assert usage["processes"] == processes
    assert usage["threads"] >= processes
    assert usage["rss_bytes"] > 1_000_000
    cpu_ns = usage["cpu_user_ns"] + usage["cpu_system_ns"]
    assert cpu_ns > 0
    assert usage["cpu_ns_per_request"] == pytest.approx(cpu_ns / trial["requests"])


def test_another_reader_finds_the_same_histograms(measured: tuple[Program, Ended], trial: dict[str, Any]) -> None:
    log = measured[0].run_directory() / "trials" / trial["id"] / "latency.hlog"
    merged: dict[str, HdrHistogram] = {}
    reader = HistogramLogReader(str(log), HdrHistogram(1, HIGHEST_NS, 3))
    while (interval := reader.get_next_interval_histogram()) is not None:
        merged.setdefault(interval.get_tag(), HdrHistogram(1, HIGHEST_NS, 3)).add(interval)
    reader.close()
    counts = {tag: histogram.get_total_count() for tag, histogram in merged.items()}
    assert counts.pop("client") == trial["client_ns"]["count"] > 0
    assert counts.pop("connect") == trial["connects"]["opened"]
    of_other_loads = {counts.pop(tag) for tag in ("handshake", "upgrade")}
    assert of_other_loads == {0}
    assert counts == dict.fromkeys(("response", "service", "lateness", "wire", "dispatch"), trial["requests"])
    for per_mille, name in ((500, "p50"), (900, "p90"), (990, "p99"), (999, "p99.9")):
        rank = -(-per_mille * trial["requests"] // 1000)
        assert trial["response_ns"][name] == value_of_rank(merged["response"], rank), name


def value_of_rank(histogram: HdrHistogram, rank: int) -> int:
    """Return the value with that rank, as the counts have it: the top of its bucket, but not above the largest."""
    up_to = accumulate(histogram.counts)
    index = next(index for index, count in enumerate(up_to) if count >= rank)
    value = histogram.get_highest_equivalent_value(histogram.get_value_from_index(index))
    return int(min(value, histogram.get_max_value()))


def test_the_profile_is_kept_as_read(measured: tuple[Program, Ended]) -> None:
    program, _ = measured
    assert (program.run_directory() / "profile.yaml").read_text() == (program.directory / "profile.yaml").read_text()


def test_an_old_run_is_drawn_again(measured: tuple[Program, Ended]) -> None:
    program, _ = measured
    page = program.run_directory() / "index.html"
    page.unlink()
    drawn = program.run("report", str(program.run_directory()))
    assert (drawn.code, drawn.stdout, drawn.stderr) == (0, f"{page}\n", "")
    assert page.read_text().rstrip().endswith("</html>")


def test_json_is_all_that_standard_output_holds(program: Program) -> None:
    ended = program.measure(QUICK, "--json", "--set", "load.duration=50ms")
    assert json.loads(ended.stdout) == program.document()
    assert f"page: {program.run_directory() / 'index.html'}" in ended.stderr


def order(program: Program, directory: Path, repeats: int) -> list[tuple[int, int]]:
    """Run two short trials so often; return (repeat, connections) of each in running order."""
    profile = QUICK + "sweep: {load.connections: [1, 2, 3, 4]}\n"
    short = ["--set", "load.duration=20ms", "--set", "load.warmup=0", "--set", "load.connections=[1,2]"]
    arguments = program.measure_arguments(profile, "--out", str(directory), "--json", *short)
    document = json.loads(program.run(*arguments, "--seed", "7", "--repeat", str(repeats)).stdout)
    assert document["seed"] == 7
    return [(trial["repeat"], trial["factors"]["load.connections"]) for trial in document["trials"]]


def test_repeats_are_interleaved_in_an_order_that_the_seed_fixes(program: Program, tmp_path: Path) -> None:
    twice = order(program, tmp_path / "twice", 2)
    once = order(program, tmp_path / "once", 1)
    assert once == twice[:2]
    assert [repeat for repeat, _ in twice] == [1, 1, 2, 2]
    assert {connections for _, connections in once} == {1, 2}  # --set has replaced the values of the sweep


def test_two_runs_in_one_second_have_directories_of_their_own(program: Program) -> None:
    short = ["--set", "load.duration=20ms", "--set", "load.warmup=0"]
    arguments = program.measure_arguments(QUICK, *short, ANY_VERDICT)
    with program.started(*arguments) as first, program.started(*arguments) as second:
        outputs = [run.communicate(timeout=DEADLINE_SECONDS)[0] for run in (first, second)]
    pages = [re.findall(r"page: (.*)", output) for output in outputs]
    assert (first.returncode, second.returncode) == (0, 0)
    assert pages[0] != pages[1]


def test_an_expectation_that_is_met_is_printed(measured: tuple[Program, Ended], trial: dict[str, Any]) -> None:
    assert trial["expectations"] == [{"text": "failures == 0", "met": True, "measured": "0", "series": ""}]
    assert "expectation met: failures == 0, in all 2 trials" in measured[1].stderr.splitlines()


def test_an_expectation_that_is_not_met_is_printed_and_decides_the_exit_code(program: Program) -> None:
    ended = program.measure(QUICK + "expect: [failures == 0, requests_per_second < 1]\n", ANY_VERDICT)
    met, unmet = program.document()["trials"][0]["expectations"]
    assert ended.code == 1
    assert (met["met"], unmet["met"]) == (True, False)
    where = "trial 001 (the only trial)"
    line = f"expectation not met: requests_per_second < 1, in {where}: {unmet['measured']}"
    assert line in ended.stderr.splitlines()
