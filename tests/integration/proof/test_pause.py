"""A server that stands still for a while: what its users felt, against what must have been felt.

Requests arrive evenly, R in a second. While the server stands still, for S seconds, those that arrive wait until the
pause is over: the first of them S or up to 1/R less, each further one 1/R less than the one before. So the value that
k others exceed lies between S - (k + 1) / R and S - k / R, wherever that is well above the usual time. A client that
waits for an answer before it sends the next request (coordinated omission) sends none in the pause, and finds it in one
request of each connection only: that is the service time, measured in the same run.

No response can be faster, so the lower limit is exact. It can be slower, as working off the backlog takes time, the
more so where other processes use the cores. Until it is done one of the two processes runs, or waits for a core, or the
core serves an interrupt or another virtual machine; the kernel counts all that, so the run itself shows how long it may
have been (some 20 ms, a hundredth of the pause, where nobody disturbs it).
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..cli.program import Program, wait_until
from ..cli.terminal import ANSWERED, open_terminal
from .measured import count_above, latencies, only_trial

RATE = 100
CONNECTIONS = 8
PAUSE_NS = 2_000_000_000
CATCH_UP_NS = 500_000_000  # by then it is over, by far
RESOLUTION = 1e-3  # three significant digits
PROFILE = f"""\
name: pause
target: {{server: epoll}}
load: {{connections: {CONNECTIONS}, rate: {RATE}, warmup: 200ms, duration: 6s, workers: 1}}
"""


def test_a_pause_is_in_every_response_that_waited_for_it_and_in_the_service_of_few(program: Program) -> None:
    with open_terminal(program, *program.measure_arguments(PROFILE)) as terminal:
        terminal.wait_shown(ANSWERED)  # the window has begun, a good part of a second ago
        (server,), (worker,) = program.pids_of("epoll_loop.py"), program.pids_of("fleet.worker")
        pause = make_pause(server, worker)
        assert terminal.wait_ended() in (0, 3), terminal.shown
    trial, histograms = only_trial(program), latencies(program)
    # Nothing but what was in flight or due at the very end is missing: the pause was over well before.
    assert trial.requests + trial.outcomes["cut"] == sum(trial.outcomes.values())
    assert trial.requests == pytest.approx(RATE * trial.window_ns / 1e9, abs=CONNECTIONS + 1)

    response, service = histograms["response"], histograms["service"]
    for percentile in (85, 90, 95, 99):
        value_ns = response.values_at([percentile])[percentile]
        pause.check_felt(value_ns, exceeded_by=response.count * (100 - percentile) // 100)
    pause.check_felt(response.max_ns, exceeded_by=0)

    assert 1 <= count_above(service, PAUSE_NS // 2) <= CONNECTIONS
    pause.check_felt(service.max_ns, exceeded_by=0)
    assert service.values_at([90])[90] < response.values_at([90])[90] / 4


@dataclass(frozen=True, slots=True)
class Pause:
    """How long it was at least and at most, and how long it took at most until the backlog was worked off."""

    shortest_ns: int
    longest_ns: int
    catch_up_ns: int

    def check_felt(self, value_ns: int, exceeded_by: int) -> None:
        """Check a value that so many others exceed."""
        at_least_ns = self.shortest_ns - (exceeded_by + 1) / RATE * 1e9
        at_most_ns = self.longest_ns - exceeded_by / RATE * 1e9 + self.catch_up_ns
        assert at_least_ns * (1 - RESOLUTION) <= value_ns <= at_most_ns * (1 + RESOLUTION), (self, exceeded_by)


def make_pause(server: int, worker: int) -> Pause:
    """Let the server stand still for a while, and wait until the worker has caught up."""
    before_stop_ns = time.monotonic_ns()
    os.kill(server, signal.SIGSTOP)
    stopped_ns = time.monotonic_ns()
    wait_until(lambda: time.monotonic_ns() >= stopped_ns + PAUSE_NS)
    used_ns = busy_ns((server, worker))
    before_continue_ns = time.monotonic_ns()
    os.kill(server, signal.SIGCONT)
    continued_ns = time.monotonic_ns()
    wait_until(lambda: time.monotonic_ns() >= continued_ns + CATCH_UP_NS)
    catch_up_ns = busy_ns((server, worker)) - used_ns
    return Pause(before_continue_ns - stopped_ns, continued_ns - before_stop_ns, catch_up_ns)


def busy_ns(pids: Sequence[int]) -> int:
    """Return how long these have run or waited for a core, and what interrupts and the hypervisor took (proc(5))."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
    used_ns = sum(int(each) for task in tasks for each in (task / "schedstat").read_text().split()[:2])
    _cpu, *ticks = Path("/proc/stat").read_text().splitlines()[0].split()
    _user, _nice, _system, _idle, _iowait, irq, softirq, steal, *_ = map(int, ticks)
    return used_ns + (irq + softirq + steal) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
