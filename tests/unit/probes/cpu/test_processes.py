"""V8's own words: captured from Node.js 20 under perf 6.1."""

from pathlib import Path

import pytest

from loadlab.probes.cpu.processes import count_threads, is_map, list_roots, name_compiled, runs_python

from ...processes.proc_tree import write_stat


@pytest.mark.parametrize(
    ("symbol", "frame"),
    [
        ("JS:*answer /srv/targets/node_server.js:133:22", "answer (node_server.js:133)"),
        ("JS:~answer /srv/targets/node_server.js:133:22", "answer (node_server.js:133)"),
        ("JS:*end node:_http_outgoing:1034:45", "end (node:_http_outgoing:1034)"),
        (
            "JS:*Readable.read node:internal/streams/readable:647:35",
            "Readable.read (node:internal/streams/readable:647)",
        ),
        ("JS:^ /srv/server.js:1:1", "(anonymous) (server.js:1)"),
        ("JS:~ node:internal/main/run_main_module:1:1", "(anonymous) (node:internal/main/run_main_module:1)"),
        ("JS:*get #size /srv/my files/a b.mjs:7:3", "get #size (a b.mjs:7)"),
        ("LazyCompile:~serve server.js:3:1", "serve (server.js:3)"),
        ("RegExp:^[a-z]+$", "RegExp:^[a-z]+$ (compiled)"),
        ("py::serve:/srv/server.py", "py::serve:/srv/server.py (compiled)"),
        ("[unknown]", "[unknown] (compiled)"),
    ],
)
def test_a_function_has_the_name_and_the_place_that_its_source_gives_it(symbol: str, frame: str) -> None:
    assert name_compiled(symbol) == frame


def test_only_perfs_own_files_are_maps() -> None:
    assert is_map("perf-4711.map")
    assert not is_map("libperf-1.map.so")
    assert not is_map("perf.map")


def add_process(proc: Path, pid: int, parent: int, mapped: str = "", threads: int = 1) -> None:
    directory = proc / str(pid)
    for number in range(threads):
        (directory / "task" / str(pid + number)).mkdir(parents=True)
    write_stat(proc, pid, name="a (b) c", parent=parent)
    (directory / "maps").write_text(f"55d0-55d1 r-xp 0000 fe:00 12 {mapped}\n7ffd-7ffe rw-p 0000 00:00 0 [stack]\n")


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        ("/usr/bin/python3.11", True),
        ("/opt/lib/libpython3.12.so.1.0", True),
        ("/usr/bin/pypy3", True),
        ("/usr/sbin/nginx", False),
        ("/usr/lib/python3/dist-packages/x.so", False),
    ],
)
def test_python_is_known_by_the_files_in_memory(tmp_path: Path, mapped: str, expected: bool) -> None:
    add_process(tmp_path, 7, 1, mapped)
    assert runs_python(7, tmp_path) is expected


def test_a_process_that_is_gone_runs_nothing(tmp_path: Path) -> None:
    assert not runs_python(7, tmp_path)
    assert count_threads([7], tmp_path) == 0


def test_roots_are_those_whose_parent_is_not_watched(tmp_path: Path) -> None:
    for pid, parent in {7: 1, 8: 7, 9: 8, 20: 3}.items():
        add_process(tmp_path, pid, parent)
    assert list_roots([9, 20, 8, 7], tmp_path) == [7, 20]
    assert list_roots([9, 8], tmp_path) == [8]


def test_threads_of_all_processes_are_counted(tmp_path: Path) -> None:
    add_process(tmp_path, 7, 1, threads=3)
    add_process(tmp_path, 20, 1, threads=2)
    assert count_threads([7, 20], tmp_path) == 5
