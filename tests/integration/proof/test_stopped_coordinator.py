"""A coordinator that stands still for a while: the load goes on as if nothing had happened, and loses no figure.

A profiler that starts, /proc of many processes, a stopped terminal: the coordinator may be held up, and that must be no
part of what is measured. A worker that waited until it is read would send nothing for a second, and all that arrived
meanwhile would be late by up to that.
"""

import os
import signal
import time

from ..cli.program import Program, wait_until
from ..cli.terminal import ANSWERED, open_terminal
from .measured import latencies, only_trial

RATE = 5_000
CONNECTIONS = 50
SECONDS = 4
STOPPED_NS = 1_000_000_000
PROFILE = f"""\
name: stopped
target: {{server: epoll}}
load: {{connections: {CONNECTIONS}, rate: {RATE}, warmup: 200ms, duration: {SECONDS}s, workers: 1}}
"""


def test_a_stopped_coordinator_does_not_stop_the_load(program: Program) -> None:
    with open_terminal(program, *program.measure_arguments(PROFILE)) as terminal:
        terminal.wait_shown(ANSWERED)  # the window has begun
        stop_for_a_while(terminal.process.pid)
        assert terminal.wait_ended() in (0, 3), terminal.shown  # a busy machine makes any trial suspect, or invalid
    trial, histograms = only_trial(program), latencies(program)
    assert set(trial.outcomes) <= {"ok", "cut", "dropped"}
    # Each that was due has an outcome; of the last ones a busy machine may have left some.
    assert sum(trial.outcomes.values()) == RATE * SECONDS + trial.carried_over
    assert trial.requests > 0.9 * RATE * SECONDS
    # Had the load waited, those due in the first half of that second would have been late by more than the other half.
    # Whatever else these cores do for a moment makes fewer late.
    assert histograms["lateness"].count_above(STOPPED_NS // 2) < RATE / 4
    assert histograms["response"].count == histograms["dispatch"].count == trial.requests


def stop_for_a_while(pid: int) -> None:
    stopped_ns = time.monotonic_ns()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: time.monotonic_ns() >= stopped_ns + STOPPED_NS)
    os.kill(pid, signal.SIGCONT)
