"""The live line of a comparison."""

import io

from loadlab.cli.ab.live import PairsLine
from loadlab.results.paired import Difference


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_has_the_time_left_and_the_difference_so_far() -> None:
    now = [100.0]
    live = PairsLine(60_000_000_000, Terminal(), lambda: now[0])
    live.phase("warming up", None)
    assert live.text() == "warming up"
    live.compared(1, None)
    now[0] += 12
    assert live.text() == "at most 48 s left   1 pair"
    found = Difference(metric="response_ns.p99", change=0.05, interval=(0.02, 0.08))
    live.compared(57, found)
    plain = live.text().replace("\N{NO-BREAK SPACE}", " ")
    assert plain == "at most 48 s left   57 pairs   B's p99 +5.0 % (95 %: +2.0 % to +8.0 %)"
    now[0] += 60
    assert live.text().startswith("at most 0 s left")
    live.phase("closing", None)
    assert live.text() == "closing"


def test_nothing_of_it_gets_into_a_file() -> None:
    stream = io.StringIO()
    with PairsLine(1, stream) as live:
        live.compared(5, None)
        live.tick(now=True)
    assert stream.getvalue() == ""
