"""Places that cannot be written, at the start and in the midst of a run."""

import resource
import shutil
import subprocess

import pytest

from loadlab.results.directory import RunDirectory

from .program import DEADLINE_SECONDS, QUICK, Ended, Program

# What a run writes: run.json, 3 kB and 2 kB more for each trial, latency.hlog about 6 kB each, a page of megabytes.
SHORT = ("--set", "load.duration=50ms", "--set", "load.warmup=0")


def run_on_small_disk(program: Program, size: str, *arguments: str) -> Ended:
    """Run the program with its reports on a disk of that size; copy what it has written back to ours."""
    disk, kept = program.directory / "disk", program.reports
    disk.mkdir()
    script = (
        'disk=$1 kept=$2 options=$3; shift 3; mount -t tmpfs -o "$options" none "$disk" || exit 99; '
        '"$@"; code=$?; cp -r "$disk" "$kept"; exit $code'
    )
    inside = ["sh", "-c", script, "sh", str(disk), str(kept), size, *program.command(*arguments, "--out", str(disk))]
    ended = subprocess.run(
        ["unshare", "--map-root-user", "--mount", *inside],
        capture_output=True,
        text=True,
        env=program.environment,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    program.check_nothing_left()
    assert "Traceback" not in ended.stderr
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def small_disks() -> None:
    """Skip where no disk can be mounted, not even in a namespace of our own."""
    mount = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this kernel or container lets nobody mount a disk in a namespace")


def test_a_place_below_a_file(program: Program) -> None:
    in_the_way = program.directory / "file"
    in_the_way.write_text("")
    ended = program.measure(QUICK, "--out", str(in_the_way / "reports"))
    assert ended.code == 2
    assert ended.stderr == f"Cannot write {in_the_way / 'reports'}: Not a directory; name a directory with --out.\n"


def test_a_file_in_the_place(program: Program) -> None:
    program.reports.write_text("")
    ended = program.measure(QUICK)
    assert ended.code == 2
    assert ended.stderr == f"Cannot write {program.reports}: File exists; name a directory with --out.\n"


@pytest.mark.usefixtures("small_disks")
def test_a_disk_that_cannot_be_written(program: Program) -> None:
    path = program.directory / "profile.yaml"
    path.write_text(QUICK)
    ended = run_on_small_disk(program, "ro", "run", str(path))
    assert ended.code == 2
    assert "Read-only file system; choose a place that can be written with --out." in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.usefixtures("small_disks")
def test_a_disk_that_is_full_from_the_first_file_on(program: Program) -> None:
    path = program.directory / "profile.yaml"
    path.write_text(QUICK + "#" * 6000)
    ended = run_on_small_disk(program, "size=4k", "run", str(path))
    assert ended.code == 2
    assert "No space left on device; free some space there, or choose another place with --out." in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not list(program.reports.iterdir())


@pytest.mark.usefixtures("small_disks")
def test_a_disk_that_fills_up_in_the_midst_of_a_run(program: Program) -> None:
    path = program.directory / "profile.yaml"
    path.write_text(QUICK)
    ended = run_on_small_disk(program, "size=40k", "run", str(path), "--repeat", "10", *SHORT)
    assert ended.code == 2
    assert ended.stderr.splitlines()[-1].startswith("Cannot write ")
    assert "No space left on device; free some space there" in ended.stderr.splitlines()[-1]
    check_whole(program)


def test_a_file_that_may_not_grow(program: Program) -> None:
    """The limit of file sizes is met by run.json, which holds all trials."""
    ended = program.measure(QUICK, "--repeat", "10", *SHORT, limits={resource.RLIMIT_FSIZE: 24 * 1024})
    assert ended.code == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("Cannot write ")
    assert "File too large; raise the file size limit (ulimit -f), or choose another place with --out." in last
    check_whole(program)


def test_a_page_that_cannot_be_written(program: Program) -> None:
    ended = program.measure(QUICK, *SHORT, limits={resource.RLIMIT_FSIZE: 100 * 1024})
    page = program.run_directory() / "index.html"
    assert ended.code == 2
    assert f"Cannot write {page}: File too large; raise the file size limit (ulimit -f)" in ended.stderr
    assert not page.exists()
    check_whole(program)
    assert program.document()["finished"] is not None


def check_whole(program: Program) -> None:
    """Check that all that was written is whole, and can be drawn where there is room."""
    document = RunDirectory.open(program.run_directory()).read_document()
    assert document.trials
    logs = {path.parent.name for path in program.run_directory().glob("trials/*/latency.hlog")}
    assert logs >= {trial.id for trial in document.trials}
    program.check_drawable()


def test_a_page_drawn_again_where_it_finds_no_room(program: Program, sample_run: RunDirectory) -> None:
    old_run = program.directory / "old"
    shutil.copytree(sample_run.path, old_run)
    page = old_run / "index.html"
    page.write_text("the old page")
    ended = program.run("report", str(old_run), limits={resource.RLIMIT_FSIZE: 1024})
    assert ended.code == 2
    assert ended.stderr.startswith(f"Cannot write {page}: File too large")
    assert page.read_text() == "the old page"
    assert not list(old_run.glob(".*"))
