"""What perf script prints, captured from perf 6.1 on Linux 6.18, and the names of V8, from Node.js 20."""

import pytest

from loadlab.probes.cpu.perf import PERIODS_NS, is_map, name_compiled, parse_script
from loadlab.probes.cpu.samples import ThreadSample

CAPTURED = """python   549/550   
\tffffffff813620e2 handle_softirqs ([kernel.kallsyms])
\tffffffff81000e86 asm_sysvec_call_function_single ([kernel.kallsyms])
\t          18609a _PyLong_New (/root/lib/libpython3.11.so.1.0)
\t    7fa776257ce0 [unknown] ([unknown])

python   549/550   
\t          1af83a _PyObject_Malloc (/root/lib/libpython3.11.so.1.0)

python  9313/9314  PERF_RECORD_LOST lost 80
python  9313/9314  PERF_RECORD_LOST lost 36
my server   7/7   
\t           f786a __GI___fstatat64 (/usr/lib/x86_64-linux-gnu/libc.so.6)

"""  # noqa: W291 - perf's


def test_stacks_are_turned_over_and_their_kernel_part_marked() -> None:
    found = parse_script(CAPTURED.splitlines(keepends=True))
    assert found.samples == (
        ThreadSample(
            550,
            "python",
            ("_PyLong_New (libpython3.11.so.1.0)", "asm_sysvec_call_function_single_[k]", "handle_softirqs_[k]"),
            1,
        ),
        ThreadSample(550, "python", ("_PyObject_Malloc (libpython3.11.so.1.0)",), 1),
        ThreadSample(7, "my server", ("__GI___fstatat64 (libc.so.6)",), 1),
    )
    assert found.lost == 116
    assert found.kernel_named


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        ("\t 1f2 operator()(int, char const*) (/usr/bin/node)", "operator()(int, char const*) (node)"),
        ("\t 1f2 run (/memfd:code (deleted))", "run (memfd:code (deleted))"),
        ("\t 1f2 JS:*serve /srv/server.js:3:9 (/tmp/perf-7.map)", "serve (server.js:3)"),
        ("\t 1f2 [unknown] (/usr/sbin/nginx)", "[unknown] (nginx)"),
        ("\tffffffffc0a01000 nf_hook ([nf_conntrack])", "nf_hook_[k]"),
        ("\t 1f2 __vdso_clock_gettime ([vdso])", "__vdso_clock_gettime ([vdso])"),
    ],
)
def test_names_may_hold_what_they_like(line: str, frame: str) -> None:
    (sample,) = parse_script(["node 7/8 \n", line + "\n", "\n"]).samples
    assert sample.frames == (frame,)


def test_a_sample_with_no_frame_that_is_code_is_unknown() -> None:
    (sample,) = parse_script(["node 7/8 \n", "\t 7fa776257ce0 [unknown] ([unknown])\n"]).samples
    assert sample.frames == ("[unknown]",)


def test_a_kernel_that_hides_its_names_is_noticed() -> None:
    hidden = "node 7/8 \n\tffffffff813620e2 [unknown] ([kernel.kallsyms])\n"
    assert not parse_script(hidden.splitlines()).kernel_named


def test_compiled_functions_without_names_are_noticed() -> None:
    named = parse_script(["node 7/8 \n", "\t 1f2 JS:*serve /srv/server.js:3:9 (/tmp/perf-7.map)\n"])
    nameless = parse_script(["node 7/8 \n", "\t 7f3a10 [unknown] (/tmp/perf-7.map)\n"])
    assert (named.compiled_named, nameless.compiled_named) == (True, False)
    assert nameless.samples[0].frames == ("[unknown] (compiled)",)


def test_nothing_is_no_samples() -> None:
    assert parse_script([]).samples == ()


@pytest.mark.parametrize("line", ["rubbish", "\t 1f2 main (/bin/a)", "\x7fELF\x02\x01"])
def test_rubbish_is_quoted(line: str) -> None:
    with pytest.raises(ValueError, match="neither a sample nor a frame"):
        parse_script([line, "\n", "node 7/8 \n", "\t 1f2 main (/bin/a)\n"])


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


@pytest.mark.parametrize("period_ns", PERIODS_NS.values())
@pytest.mark.parametrize("ratio", [1 / 3, 1 / 2, 1, 3 / 2, 2, 3])
@pytest.mark.parametrize("begin", [0.0, 0.5, 0.99])
def test_no_cost_of_a_request_is_in_step_with_more_than_one_clock(period_ns: int, ratio: float, begin: float) -> None:
    cost_ns = round(period_ns * ratio)

    def share_seen_by(clock_ns: int) -> float:
        """The share of a function that runs for the first three quarters of each request, over 10 s of CPU time."""
        positions = ((begin * cost_ns + number * clock_ns) % cost_ns for number in range(10_000_000_000 // clock_ns))
        return sum(position < 0.75 * cost_ns for position in positions) / (10_000_000_000 // clock_ns)

    errors = sorted(abs(share_seen_by(clock_ns) - 0.75) for clock_ns in PERIODS_NS.values())
    assert errors[-2] < 0.05
