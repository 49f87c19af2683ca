import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadlab.errors import ReportError
from loadlab.results.whole_file import write_whole


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
        "from loadlab.errors import ReportError; from loadlab.results.whole_file import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: write_whole(Path(sys.argv[1]), 'x' * 50_000)\n"
        "except ReportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Cannot write {path}: File too large; ")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
