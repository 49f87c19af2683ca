"""perf's own words: captured from perf 6.1 on Linux 6.18."""

import pytest

from loadlab.probes.cpu.perf import parse_script
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
