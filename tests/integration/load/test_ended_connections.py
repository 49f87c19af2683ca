"""A server that ends connections without having said so: its end is seen, and no request pays for it in time."""

import time
from dataclasses import replace
from itertools import count

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.active import ActiveLoad
from loadlab.load.pacing import Agenda, Pacing, ThinkTime
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder, Totals

from . import scripts
from .driver import MS, exchange_with, open_gate, served, wait_until
from .scripted_server import Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)

_REQUESTS = 30
_PAUSE_NS = 20 * MS
# So long that the server, a thread of this process, has ended its connection by then, however busy the machine is.
_THINK_NS = 200 * MS
_THOUGHTFUL_REQUESTS = 10
_USERS = 2
RETRIED = "retried"


def outcomes_of(script: Script, paced: str, retry: bool, method: str = "GET") -> dict[str, int]:
    """Have requests answered by a server that plays `script`, and return the outcomes of all."""

    async def main(loop: Loop) -> dict[str, int]:
        recorder, gate = Recorder(), open_gate(loop)
        pacing: Pacing | None = None
        if paced == "rate":
            loop.pacer = pacing = agenda = Agenda(loop, _USERS, spin_ns=0)
            start_ns = time.monotonic_ns()
            agenda.begin(start_ns + number * _PAUSE_NS // _USERS for number in count())
        elif paced == "think":
            pacing = ThinkTime(loop, gate, _THINK_NS, "constant", seed=0)
        exchange = replace(exchange_with(server.address, timeout_ns=3_000 * MS, method=method), retry=retry)
        load = ActiveLoad(loop, [exchange] * _USERS, [recorder], gate, pacing)
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            wanted = _THOUGHTFUL_REQUESTS if paced == "think" else _REQUESTS
            await wait_until(loop, lambda: served(recorder) + sum(recorder.outcomes.values()) >= wanted)
            group.cancel()
        taken = recorder.take(0, 0)
        counts = {**taken.outcomes, RETRIED: taken.retried}
        return {name: count for name, count in counts.items() if count}

    with ScriptedServer(script) as server:
        return run(main)


ENDING_SCRIPTS = [scripts.answer_and_end, scripts.answer_and_close_in_one_segment]


@pytest.mark.parametrize(
    "script", [*ENDING_SCRIPTS, scripts.answer_and_close_later], ids=lambda script: script.__name__
)
def test_a_connection_that_has_ended_long_before_the_next_request_is_not_used_for_it(script: Script) -> None:
    assert outcomes_of(script, "think", retry=False).keys() == {Outcome.OK}


@pytest.mark.parametrize("paced", ["", "rate"])
@pytest.mark.parametrize("script", ENDING_SCRIPTS, ids=lambda script: script.__name__)
def test_a_request_that_crosses_the_end_of_its_connection_is_sent_again(script: Script, paced: str) -> None:
    assert outcomes_of(script, paced, retry=True).keys() <= {Outcome.OK, RETRIED}


@pytest.mark.parametrize("script", ENDING_SCRIPTS, ids=lambda script: script.__name__)
def test_without_retrying_it_is_a_failure_and_no_timeout(script: Script) -> None:
    assert outcomes_of(script, "", retry=False).keys() <= {Outcome.OK, Outcome.CLOSED_EARLY, Outcome.RESET}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_might_take_effect_twice_is_not_sent_again(method: str) -> None:
    """The server answers the first request of each connection, takes the second, and ends."""
    ended = RETRIED if method == "GET" else Outcome.CLOSED_EARLY
    outcomes = outcomes_of(scripts.answer_one_and_take_another, "", retry=True, method=method)
    assert outcomes.keys() == {Outcome.OK, ended}
    assert 0 <= outcomes[Outcome.OK] - outcomes[ended] <= 2 * _USERS


def test_a_request_is_sent_again_only_once() -> None:
    """Every second connection answers none: a request that was sent again there has failed."""
    outcomes = outcomes_of(scripts.answer_every_second_connection(), "", retry=True)
    assert outcomes.keys() == {Outcome.OK, RETRIED, Outcome.CLOSED_EARLY}


def test_the_time_of_a_request_that_is_sent_again_runs_from_its_first_intention() -> None:
    async def main(loop: Loop) -> Totals:
        recorder = Recorder()
        exchange = exchange_with(server.address)
        load = ActiveLoad(loop, [exchange], [recorder], open_gate(loop))
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await wait_until(loop, lambda: served(recorder) >= 4)
            group.cancel()
        totals = Totals()
        totals.add(recorder.take(0, 0))
        return totals

    with ScriptedServer(scripts.answer_one_and_take_another) as server:
        totals = run(main)
    assert totals.retried >= 3
    response, service = totals.histograms[Metric.RESPONSE], totals.histograms[Metric.SERVICE]
    assert response.values_at([50])[50] >= 20 * MS > service.values_at([50])[50]
