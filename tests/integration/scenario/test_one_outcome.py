"""Each request and each iteration of a scenario has one outcome, whatever a server does and when windows end."""

from collections import Counter
from contextlib import ExitStack
from typing import ClassVar
from unittest.mock import patch

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loadlab.fleet.messages import ClosedPacing, OpenPacing
from loadlab.scenario import User
from loadlab.scenario.exchange import Exchange
from loadlab.scenario.worker_state import WorkerState

from ..fleet.faulty_server import ANSWERS, FaultyServer
from .worker import MS, SECOND, Server, run_windows

pytestmark = pytest.mark.timeout(180)


class Counted(Exchange):
    """Requests that count are noted as they are begun."""

    begun: ClassVar[list[int]] = []

    def __init__(self, state: WorkerState, request: httpx.Request, kind: int | None, statuses: frozenset[int]) -> None:
        super().__init__(state, request, kind, statuses)
        if kind is not None:
            Counted.begun.append(kind)


async def wander(user: User) -> None:
    """Do what a scenario can do with requests, drawn at random; most errors of the server's end it."""
    draw = user.random.random()
    if draw < 0.4:
        await user.http.get("/", extensions={"name": "get"})
    elif draw < 0.5:
        await user.http.post("/", content=b"x" * 1000)
    elif draw < 0.6:
        async with user.http.stream("GET", "/left"):
            await user.sleep(0.001)
    elif draw < 0.7:
        response = await user.http.send(user.http.build_request("GET", "/unread"), stream=True)
        user.check(response.status_code == 200, "unread")
    elif draw < 0.85:
        async with user.step("group"), user.group() as group:
            for _ in range(8):
                group.start(user.http.get("/group"))
            if user.random.random() < 0.3:
                await user.sleep(0.002)
                raise KeyError("a sibling")
    elif draw < 0.95:
        await user.http.get("/", timeout=0.005)
    await user.sleep(0, 0.004)


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    weights=st.tuples(st.integers(20, 200), *[st.integers(0, 5) for _ in ANSWERS[1:]]),
    seed=st.integers(0, 1000),
    away=st.tuples(st.floats(0, 0.4), st.floats(0, 0.6)),
    per_request=st.booleans(),
    retry=st.booleans(),
    windows=st.sampled_from([1, 3]),
)
@pytest.mark.parametrize("model", ["open", "closed", "think"])
def test_each_request_and_each_iteration_has_one_outcome(
    model: str,
    weights: tuple[int, ...],
    seed: int,
    away: tuple[float, float],
    per_request: bool,
    retry: bool,
    windows: int,
) -> None:
    rate, window_ns = 300, 400 * MS // windows
    pacing: ClosedPacing | OpenPacing = ClosedPacing(2 * MS if model == "think" else 0, "exponential")
    if model == "open":
        pacing = OpenPacing([(window_ns, rate, rate)], "constant", 0)
    begun: Counter[str] = Counter()

    async def iteration(user: User) -> None:
        begun["iterations"] += 1
        try:
            await wander(user)
        except Exception:
            begun["ended"] += 1
            raise
        begun["ended"] += 1

    Counted.begun.clear()
    server = FaultyServer(weights, seed, away)
    with ExitStack() as stack:
        stack.enter_context(patch("loadlab.scenario.transport.Exchange", Counted))
        stack.enter_context(server.serving())
        recorded, beside = run_windows(
            Server.at(server.address),
            iteration,
            [window_ns] * windows,
            users=6,
            timeout_ns=60 * MS,
            pacing=pacing,
            per_request=per_request,
            retry=retry,
        )
    requests = recorded.of("request") + beside.of("request")
    assert requests.total() == len(Counted.begun)
    iterations = recorded.of("iteration") + beside.of("iteration")
    assert iterations.total() == begun["ended"]
    assert 0 <= begun["iterations"] - begun["ended"] <= 6
    if model == "open" and windows == 1:
        undone = recorded.undone("iteration", "cut") + recorded.undone("iteration", "dropped")
        in_window = begun["iterations"] + recorded.undone("iteration", "dropped")
        assert in_window <= rate * window_ns // SECOND <= recorded.of("iteration").total() + undone
