"""A server that stands still for a while: what its users felt, against what must have been felt.

Requests arrive evenly, R in a second. While the server stands still, for S seconds, those that arrive wait until the
pause is over: the first of them S, the last not at all, the others evenly between. So R (S - x) requests respond after
more than x, and of n in all the p-quantile is S - n (1 - p) / R, wherever that is well above the usual time. A client
that waits for an answer before it sends the next request (coordinated omission) sends none in the pause, and finds it
in one request of each connection only: that is the service time, measured in the same run.
"""

import os
import signal
import time

import pytest

from ..cli.program import Program, wait_until
from ..cli.terminal import ANSWERED, open_terminal
from .measured import count_above, latencies, only_trial

RATE = 200
CONNECTIONS = 8
PAUSE_SECONDS = 2.0
PROFILE = f"""\
name: pause
target: {{server: epoll}}
load: {{connections: {CONNECTIONS}, rate: {RATE}, warmup: 200ms, duration: 6s, workers: 1}}
"""


@pytest.mark.alone  # two hundredths of the pause are 40 ms, as long as a process may wait for a busy core
def test_a_pause_is_in_every_response_that_waited_for_it_and_in_the_service_of_few(program: Program) -> None:
    with open_terminal(program, *program.measure_arguments(PROFILE)) as terminal:
        terminal.wait_shown(ANSWERED)  # the window has begun, a good part of a second ago
        (pid,) = program.pids_of("epoll_loop.py")
        pause_ns = pause(pid)
        assert terminal.wait_ended() in (0, 3), terminal.shown
    trial, histograms = only_trial(program), latencies(program)
    # Nothing but what was in flight or due at the very end is missing: the pause was over well before.
    assert trial.requests + trial.outcomes["cut"] == sum(trial.outcomes.values())
    assert trial.requests == pytest.approx(RATE * trial.window_ns / 1e9, abs=CONNECTIONS + 1)

    response, service = histograms["response"], histograms["service"]
    expected_ns = {
        percentile: pause_ns - response.count * (1 - percentile / 100) / RATE * 1e9 for percentile in (85, 90, 95, 99)
    }
    assert response.values_at(expected_ns) == pytest.approx(expected_ns, rel=0.02)
    assert response.max_ns == pytest.approx(pause_ns, rel=0.02)

    assert 1 <= count_above(service, pause_ns // 10) <= CONNECTIONS
    assert service.max_ns == pytest.approx(pause_ns, rel=0.02)
    assert service.values_at([90])[90] < expected_ns[90] / 10


def pause(pid: int) -> int:
    """Let a process stand still for a while; return how long that was, in ns."""
    stopped_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: time.monotonic_ns() >= stopped_ns + PAUSE_SECONDS * 1e9)
    continued_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGCONT)
    return continued_ns - stopped_ns
