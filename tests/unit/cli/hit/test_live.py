"""The live line: what it says in each phase, and that nothing of it gets into a file."""

import io

import pytest

from loadlab.cli.hit.live import LiveLine
from loadlab.experiment.context import SoFar
from loadlab.profile import LoadProfile, plan_trials
from loadlab.recording.histogram import Histogram


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def profile_of(**load: object) -> LoadProfile:
    usual = {"connections": 5, "duration": "10s"}
    return LoadProfile.model_validate(
        {"name": "x", "target": {"address": "localhost:80"}, "load": usual | {"request": {"path": "/"}} | load}
    )


def so_far(requests: int, failed: int = 0) -> SoFar:
    responses = Histogram()
    responses.fold([1_000_000] * requests)
    return SoFar(12_345.6, requests, failed, responses)


def test_it_has_the_time_left_and_the_figures_so_far() -> None:
    clock = Clock()
    live = LiveLine(profile_of(), 1, Terminal(), clock)
    live.phase("warming up", None)
    assert live.text() == "warming up"
    live.phase("measuring", 0.0)
    assert live.text() == "10.0 s left"
    clock.now += 2.5
    live.so_far(so_far(1_000, failed=3))
    assert live.text() == "7.5 s left   12,346 requests/s   p50 1 ms   p99 1 ms   3 failed"
    clock.now += 8
    live.phase("measuring", 1.0)
    assert live.text().startswith("0.0 s left")
    live.phase("3 requests in flight", None)
    assert live.text() == "3 requests in flight"


def test_a_calibration_is_not_taken_for_the_measurement() -> None:
    profile = profile_of()
    live = LiveLine(profile, 1, Terminal(), Clock())
    for name in ("calibrating at 4,000 req/s", "warming up", "measuring"):
        live.phase(name, 0.0)
        live.so_far(so_far(100))
        assert live.text() == "calibrating at 4,000 req/s"
    live.trial_begins(plan_trials(profile, 1)[0])
    live.phase("measuring", 0.0)
    assert live.text() == "10.0 s left"


def test_a_percentile_that_too_few_lie_beyond_is_left_out() -> None:
    live = LiveLine(profile_of(), 1, Terminal(), Clock())
    live.phase("measuring", 0.0)
    live.so_far(so_far(30))
    assert live.text() == "10.0 s left   12,346 requests/s   p50 1 ms   0 failed"


def test_a_number_of_requests_is_counted_and_repeats_are_numbered() -> None:
    live = LiveLine(profile_of(duration="1h", request_count=20_000), 3, Terminal(), Clock())
    live.phase("measuring", 0.0)
    live.so_far(so_far(999, failed=1))
    assert live.text().startswith("0/3   1,000 of 20,000 requests   12,346 requests/s")


def test_it_is_drawn_again_a_few_times_a_second_and_cleared_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    clock, terminal = Clock(), Terminal()
    with LiveLine(profile_of(), 1, terminal, clock) as live:
        live.tick()
        for _ in range(10):
            clock.now += 0.05
            live.tick()
    assert 3 <= terminal.getvalue().count("starting") <= 5
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_terminal_without_escape_sequences_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    with LiveLine(profile_of(), 1, terminal, Clock()) as live:
        live.tick(now=True)
    assert terminal.getvalue() == ""


def test_a_file_gets_nothing() -> None:
    stream = io.StringIO()
    with LiveLine(profile_of(), 1, stream, Clock()) as live:
        live.phase("measuring", 0.0)
        live.so_far(so_far(10))
        live.tick(now=True)
    assert stream.getvalue() == ""
