"""Functions that a runtime compiled as they ran, under the names that it wrote for perf into /tmp/perf-PID.map.

V8 writes `JS:*answer /srv/server.js:133:22`: a mark for how well it is compiled, and where the function begins.
"""

import re
from typing import Final

UNNAMED: Final = "[unknown] (compiled)"
"""What is compiled by a runtime that wrote no names."""

_MAP: Final = re.compile(r"perf-\d+\.map")
_JAVASCRIPT: Final = re.compile(
    r"(?:JS|LazyCompile|Function|Script|Eval):[*~^+]?"
    r"(?P<name>.*?) ?(?P<place>(?:node:|file:|/).*|\S*):(?P<line>\d+):\d+"
)


def is_map(library: str) -> bool:
    """Return whether what perf gives as a library is such a file."""
    return _MAP.fullmatch(library) is not None


def name_compiled(symbol: str) -> str:
    """Return the frame of a function by its name in the map, without what differs from run to run."""
    if found := _JAVASCRIPT.fullmatch(symbol):
        # Modules of Node.js itself have names and no files: node:internal/streams/writable.
        place = found["place"] if found["place"].startswith("node:") else found["place"].rpartition("/")[2]
        return f"{found['name'] or '(anonymous)'} ({place}:{found['line']})"
    return f"{symbol} (compiled)"
