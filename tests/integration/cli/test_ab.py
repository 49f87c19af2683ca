"""`loadlab ab` on real servers: what the user sees, what run.json has, and what becomes of a side that fails."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from loadlab.errors import ExitCode
from loadlab.results.run import RunDocument

from .foreign_servers import recording_serving
from .program import QUICK, Ended, Program, wait_until

pytestmark = pytest.mark.timeout(180)

SHORT = ("--at-most", "3s", "--within", "0", "--slice", "50ms", "--warmup", "100ms", "-c", "4")
# The machine that runs the tests has other things to do: a verdict on that is no failure here.
MEASURED = (ExitCode.DONE, ExitCode.INVALID)


def document_of(ended: Ended) -> RunDocument:
    return RunDocument.model_validate_json(ended.stdout)


def test_two_urls_are_compared_and_nothing_is_left(program: Program, tmp_path: Path) -> None:
    with recording_serving() as a, recording_serving() as b:
        ended = program.run("ab", f"http://{a.address}/", b.address, *SHORT)
        assert (a.process.poll(), b.process.poll()) == (None, None)
    assert ended.code in MEASURED, ended.stderr
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert f"A  http://{a.address}/" in lines
    assert f"B  http://{b.address}/" in lines
    assert "each: 4 connections" in lines
    rows = [line.partition(" ")[0] for line in lines]
    assert [row for row in rows if row in ("requests/s", "p50", "p99", "failed")] == [
        "requests/s",
        "p50",
        "p99",
        "failed",
    ]
    assert " pairs of slices of 50 ms in turn, in " in ended.stdout
    assert max(map(len, lines)) <= 80
    assert not [*tmp_path.iterdir()]


def test_a_profile_with_a_dearer_request_is_found_and_fails_the_condition(program: Program, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(QUICK)
    ended = program.run(
        "ab", str(tmp_path / "mine.yaml"), "--a", "load.request.path=/hello", "--b", "load.request.path=/cpu?us=2000",
        *SHORT, "--fail-if", "throughput worse by 10%", "--fail-if", "throughput better by 10%", "--json",
        "--html", str(tmp_path / "page.html"), "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    document = document_of(ended)
    assert ended.code == (ExitCode.INVALID if document.verdict == "invalid" else ExitCode.EXPECTATION_FAILED)
    comparison = document.ab
    assert comparison is not None
    assert (comparison.a.label, comparison.ended) == ("load.request.path=/hello", "at most")
    assert [trial.factors for trial in document.trials] == [{"variant": "A"}, {"variant": "B"}]
    throughput = comparison.differences[0]
    assert throughput.change is not None
    assert throughput.change < -0.5
    assert throughput.is_clear
    assert [expectation.met for expectation in document.expectations] == [False, True]
    assert "times as many requests/s as B" in (tmp_path / "page.html").read_text()
    [directory] = (tmp_path / "runs").iterdir()
    assert RunDocument.model_validate_json((directory / "run.json").read_text()) == document
    # The page can be drawn again.
    (directory / "index.html").unlink()
    assert program.run("report", str(directory)).code == ExitCode.DONE


def test_a_difference_that_is_large_enough_ends_it_early(program: Program) -> None:
    with recording_serving() as a, recording_serving() as b:
        ended = program.run("ab", a.address, b.address, *SHORT, "--at-most", "20s", "--within", "60%", "--json")
    comparison = document_of(ended).ab
    assert comparison is not None
    assert comparison.ended == "within"
    assert comparison.differences[0].interval is not None


def test_a_side_that_dies_is_named(program: Program) -> None:
    with recording_serving() as a, recording_serving() as b, program.started(
        "ab", a.address, b.address, *SHORT, "--at-most", "30s"
    ) as process:  # fmt: skip
        wait_until(lambda: bool(program.pids_of("loadlab.fleet.worker")))
        b.process.kill()
        ended = program.finish(process)
    assert ended.code != ExitCode.DONE
    assert "B" in (ended.stdout + ended.stderr).splitlines()[0]


def test_interrupted_it_prints_what_was_measured(program: Program) -> None:
    with recording_serving() as a, recording_serving() as b, program.started(
        "ab", a.address, b.address, *SHORT, "--at-most", "60s"
    ) as process:  # fmt: skip
        wait_until(lambda: len(program.pids_of("loadlab.fleet.worker")) == 2)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)  # it goes on until it is asked to end
        os.kill(process.pid, signal.SIGINT)
        ended = program.finish(process)
    assert ended.code == ExitCode.INTERRUPTED
    assert "then interrupted." in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["http://127.0.0.1:1/"], "http://127.0.0.1:1/ is compared with nothing; name two URLs"),
        (["select-vs-epoll", "--a", "load.idle=0", "--b", "load.idel=1"], "--b load.idel=1: load.idel: unknown key"),
        (["select-vs-epoll", "--b", "load.idle=0"], "sweeps target.server over"),
        (["127.0.0.1:1", "127.0.0.1:2", "--on", "p98"], "--on p98: p98 is not recorded"),
        (["127.0.0.1:1", "127.0.0.1:2", "--fail-if", "p99 > 1"], "--fail-if p99 > 1: 'p99 > 1' is not a condition"),
        (["127.0.0.1:1", "127.0.0.1:2"], "A: nothing listens at 127.0.0.1:1"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], mistake: str, program: Program) -> None:
    ended = program.run("ab", *arguments)
    assert ended.code == ExitCode.USAGE
    [line] = ended.stderr.splitlines()
    assert mistake in line
    assert ended.stdout == ""
