"""What py-spy prints, captured from py-spy 0.4.2 with --subprocesses --threads --function, and --native or not."""

from pathlib import Path

import pytest

from loadlab.probes.cpu.py_spy import Remarks, count_threads, list_roots, parse_remarks, parse_stacks, runs_python
from loadlab.probes.cpu.samples import ThreadSample

from ...processes.proc_tree import write_stat

SAID = """py-spy> Sampling process 99 times a second. Press Control-C to exit.


py-spy> Stopped sampling because Control-C pressed
py-spy> Wrote raw flamegraph data to 'o.raw'. Samples: 502 Errors: 3
py-spy> You can use the flamegraph.pl script from https://github.com/brendangregg/flamegraph to generate a SVG
"""


def test_a_native_stack_is_read_with_its_thread() -> None:
    line = (
        'process 10137:"python burn.py 5";thread (10147): worker;0x7f1526f278ec (libc.so.6);'
        "thread_run (libpython3.11.so.1.0);run (threading.py:971);sock_send (socketmodule.c:4207);"
        "0x7fe34c607610 (_socket.cpython-311-x86_64-linux-gnu.so) 113\n"
    )
    frames = (
        "[unknown] (libc.so.6)",
        "thread_run (libpython3.11.so.1.0)",
        "run (threading.py:971)",
        "sock_send (socketmodule.c)",
        "[unknown] (_socket.cpython-311-x86_64-linux-gnu.so)",
    )
    assert parse_stacks(line) == [ThreadSample(10147, "worker", frames, 113)]


def test_a_child_stands_below_the_processes_that_it_descends_from() -> None:
    line = (
        'process 7:"python -c "a; b"";process 8:"python -c "thread (1): x"";'
        "thread (9): MainThread;<module> (<string>:1) 2\n"
    )
    assert parse_stacks(line) == [ThreadSample(9, "MainThread", ("<module> (<string>:1)",), 2)]


def test_a_command_line_may_have_lines() -> None:
    text = 'process 7:"python -c x=";thread (1): x 5"\nwhile True:\n    pass\n";thread (7);<module> (<string>:1) 98\n'
    assert parse_stacks(text + text) == [ThreadSample(7, "thread-7", ("<module> (<string>:1)",), 98)] * 2


def test_a_file_that_was_cut_off_is_not_read() -> None:
    with pytest.raises(ValueError, match="ends within"):
        parse_stacks('thread (9): a;run (a.py:1) 2\nprocess 7:"python')


def test_a_thread_without_a_name_is_called_by_its_number() -> None:
    assert parse_stacks("thread (9);run (a.py:1) 2\n") == [ThreadSample(9, "thread-9", ("run (a.py:1)",), 2)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_thread_that_was_named_later_has_its_name_in_all_its_samples(order: int) -> None:
    lines = ["thread (9);run (a.py:1) 2", "thread (9): pool;run (a.py:1) 3", "thread (8);run (a.py:1) 4"]
    samples = parse_stacks("\n".join(lines[::order]) + "\n")
    assert {(sample.tid, sample.thread, sample.count) for sample in samples} == {
        (9, "pool", 2),
        (9, "pool", 3),
        (8, "thread-8", 4),
    }


def test_a_thread_of_which_only_the_address_is_known_belongs_to_no_thread_of_the_kernel() -> None:
    assert parse_stacks("thread (0x7F01): pool;run (a.py:1) 2\n")[0].tid == 0


def test_a_line_of_frozen_code_keeps_its_place() -> None:
    (sample,) = parse_stacks("thread (9): a;_find (<frozen importlib._bootstrap>:1022) 1\n")
    assert sample.frames == ("_find (<frozen importlib._bootstrap>:1022)",)


@pytest.mark.parametrize("text", ["rubbish\n", "thread (9): a;run (a.py:1)\n", "run (a.py:1) 2\n", "\0\0 1\n"])
def test_rubbish_is_reported_by_its_line(text: str) -> None:
    with pytest.raises(ValueError, match="line 2 "):
        parse_stacks("thread (9): a;run (a.py:1) 2\n" + text)


def test_remarks_tell_what_could_not_be_sampled() -> None:
    assert parse_remarks(SAID) == Remarks(errors=3, late=None)


def test_the_last_lateness_counts() -> None:
    late = "py-spy> 1.01s behind in sampling, results may be inaccurate. Try reducing the sampling rate\n"
    assert parse_remarks(late + late.replace("1.01s", "2.5s") + SAID) == Remarks(errors=3, late="2.5s")


def test_a_py_spy_that_did_not_say_what_it_wrote_did_not_write() -> None:
    with pytest.raises(ValueError, match="number of samples"):
        parse_remarks(SAID.splitlines()[0])


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
