"""Whether an answer has the headers and the body that its request expects."""

import re
import time
from collections.abc import Sequence
from typing import Final

from loadlab.protocols.http1 import decode_body

KEPT_BYTES: Final = 1 << 20
"""How much of an answer is kept to be compared: what is expected of a body has to stand in its first MiB."""

# A comparison that takes longer than this is made with a share of the answers only.
_AFFORDABLE_NS: Final = 1_000
_TIMED: Final = 32


class AnswerCheck:
    """Compares answers with an expected text in the body, and in the values of headers.

    All of them, where that takes under a microsecond each, and otherwise as many as take that on average; `compared`
    counts them.
    """

    def __init__(self, body: bytes | None, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.compared = 0
        self._body = body
        self._headers = [
            (name, text, re.compile(rb"\r\n(?i:%s):[^\r\n]*%s" % (re.escape(name), re.escape(text))).search)
            for name, text in headers
        ]
        self._every = 1
        self._seen = 0
        self._timed_ns = 0

    def difference(self, answer: bytes) -> str | None:
        """Return what an answer lacks, as a sentence; None if nothing, or if it was not compared."""
        self._seen += 1
        if self._seen % self._every:
            return None
        self.compared += 1
        if self.compared > _TIMED:
            return self._find_difference(answer)
        begun_ns = time.perf_counter_ns()
        difference = self._find_difference(answer)
        self._timed_ns += time.perf_counter_ns() - begun_ns
        if self.compared == _TIMED:
            self._every = max(1, round(self._timed_ns / _TIMED / _AFFORDABLE_NS))
        return difference

    def _find_difference(self, answer: bytes) -> str | None:
        end = answer.find(b"\r\n\r\n")
        for name, text, search in self._headers:
            if search(answer, 0, end) is None:
                return f"the header {name.decode()} does not contain {text.decode()!r}"
        # A chunk may end in the middle of the text, so only its being there is certain.
        if self._body is None or answer.find(self._body, end) >= 0 or self._body in decode_body(answer):
            return None
        return f"the body does not contain {self._body.decode()!r}"
