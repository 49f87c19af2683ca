"""V8's own words: captured from Node.js 20 under perf 6.1."""

import pytest

from loadlab.probes.cpu.compiled import is_map, name_compiled


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
