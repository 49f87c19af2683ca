"""Models of load with a scenario: who iterates when, what is counted in and between windows, and with which data."""

import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, ClassVar, Final
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
from ..load.scripted_server import RESPONSE, Peer, ScriptedServer
from .worker import MS, SECOND, Server, run_once, run_windows

pytestmark = pytest.mark.timeout(180)

HEAD: Final = b"HTTP/1.1 200 OK\r\n"


def serve(peer: Peer) -> None:
    """Answer whatever is asked."""
    while peer.receive_request():
        peer.send(RESPONSE)


class Counted(Exchange):
    """Requests that count are noted as they are begun."""

    begun: ClassVar[list[int]] = []

    def __init__(self, state: WorkerState, request: httpx.Request, kind: int | None, statuses: frozenset[int]) -> None:
        super().__init__(state, request, kind, statuses)
        if kind is not None:
            Counted.begun.append(kind)


class TestClosed:
    def test_users_iterate_at_once(self) -> None:
        seen: Counter[int] = Counter()

        async def iteration(user: User) -> None:
            seen[user.number] += 1
            await user.http.get("/")
            await user.http.get("/items/17")

        with ScriptedServer(serve) as server:
            recorded, beside = run_windows(Server.at(server.address), iteration, [200 * MS], users=4)
        iterations = recorded.of("iteration")["ok"]
        assert set(seen) == {0, 1, 2, 3}
        assert iterations > 4
        assert 0 <= seen.total() - iterations <= 4  # some stand still with one request answered
        assert recorded.names("request").keys() == {"GET /", "GET /items/{id}"}
        assert recorded.names("request")["GET /items/{id}"] == iterations
        assert recorded.names("request")["GET /"] == seen.total()
        assert recorded.undone("iteration", "cut") == 4
        assert not beside.of("iteration")
        times = recorded.times("iteration", "iteration")
        assert times.count == iterations
        assert times.max_ns >= recorded.times("request", "GET /").max_ns

    def test_lateness_is_none(self) -> None:
        async def iteration(user: User) -> None:
            await user.http.get("/")

        with ScriptedServer(serve) as server:
            recorded, _ = run_windows(Server.at(server.address), iteration, [100 * MS])
        assert recorded.of("iteration")["ok"] > 0
        assert recorded.times("iteration", "iteration", "lateness").max_ns == 0

    def test_with_think_time(self) -> None:
        async def iteration(user: User) -> None:
            await user.http.get("/")

        pacing = ClosedPacing(50 * MS, "constant")
        with ScriptedServer(serve) as server:
            recorded, _ = run_windows(Server.at(server.address), iteration, [400 * MS], users=3, pacing=pacing)
        assert 3 <= recorded.of("iteration")["ok"] <= 3 * 8
        assert recorded.times("iteration", "iteration").max_ns < 400 * MS


class TestOpen:
    def test_iterations_arrive_by_the_schedule(self) -> None:
        begun = 0

        async def iteration(user: User) -> None:
            nonlocal begun
            begun += 1
            await user.http.get("/")
            await user.http.get("/")

        pacing = OpenPacing([(400 * MS, 100.0, 100.0)], "constant", 0)
        with ScriptedServer(serve) as server:
            recorded, _ = run_windows(Server.at(server.address), iteration, [400 * MS], users=20, pacing=pacing)
        assert begun == 40
        assert recorded.of("iteration") == Counter({"ok": 40})
        assert recorded.of("request") == Counter({"ok": 80})

    def test_what_is_due_while_all_users_are_busy_waits_or_is_dropped(self) -> None:
        begun = 0

        async def iteration(user: User) -> None:
            nonlocal begun
            begun += 1
            await user.http.get("/")
            await user.sleep(0.1)

        pacing = OpenPacing([(500 * MS, 100.0, 100.0)], "constant", 0)
        with ScriptedServer(serve) as server:
            recorded, _ = run_windows(Server.at(server.address), iteration, [500 * MS], users=2, pacing=pacing)
        answered, cut = recorded.of("iteration")["ok"], recorded.undone("iteration", "cut")
        assert answered + cut + recorded.undone("iteration", "dropped") == 50
        assert 2 <= answered <= 10
        assert answered <= begun <= answered + cut
        assert recorded.undone("iteration", "dropped") >= 30
        # Each pair of users' iterations takes 100 ms in which ten more are due.
        assert recorded.times("iteration", "iteration").max_ns > 150 * MS
        assert recorded.times("iteration", "iteration", "lateness").max_ns > 50 * MS


class TestSilence:
    """Between windows an iteration that is under way stands still."""

    SILENCE: Final = 1_000 * MS

    def test_the_gate_shuts_in_the_middle_of_a_pause(self) -> None:
        ends: list[int] = []

        async def iteration(user: User) -> None:
            async with user.step("pause"):
                await user.sleep(0.15)
            ends.append(time.monotonic_ns())
            await user.sleep(10)

        with ScriptedServer(serve) as server:
            recorded, _ = run_windows(
                Server.at(server.address), iteration, [100 * MS, 100 * MS], silence_ns=self.SILENCE, users=3
            )
        assert len(ends) == 3
        assert recorded.of("step") == Counter({"ok": 3})
        assert 145 * MS <= recorded.times("step", "pause").max_ns < 900 * MS

    def test_the_gate_shuts_in_the_middle_of_a_stream(self) -> None:
        pieces: list[bytes] = []

        async def iteration(user: User) -> None:
            async with user.http.stream("GET", "/") as response:
                async for piece in response.aiter_bytes():
                    pieces.append(piece)
                    await user.sleep(0.08)
            await user.sleep(10)

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            while len(pieces) < 1:
                time.sleep(0.005)
            peer.send(b"1\r\nb\r\n")
            while len(pieces) < 2:
                time.sleep(0.005)
            peer.send(b"0\r\n\r\n")
            peer.wait_closed()

        with ScriptedServer(script) as server:
            recorded, _ = run_windows(
                Server.at(server.address), iteration, [100 * MS, 150 * MS], silence_ns=self.SILENCE
            )
        assert pieces == [b"a", b"b"]
        assert recorded.of("request") == Counter({"ok": 1})
        assert 155 * MS <= recorded.times("request", "GET /").max_ns < 900 * MS

    def test_a_stream_without_end_does_not_keep_a_window_from_its_end(self) -> None:
        counted: list[int] = []

        async def iteration(user: User) -> None:
            async with user.http.stream("GET", "/") as response:
                async for piece in response.aiter_bytes():
                    counted.append(len(piece))

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.send(HEAD + b"Content-Type: text/event-stream\r\n\r\n")
            while True:  # until it is closed
                peer.send(b"data: x\n\n")
                time.sleep(0.01)

        with ScriptedServer(script) as server:
            recorded, beside = run_windows(
                Server.at(server.address), iteration, [100 * MS, 100 * MS], timeout_ns=100 * MS
            )
        assert sum(counted) >= 9 * 10
        assert recorded.undone("iteration", "cut") == 2
        assert beside.of("request") == Counter({"ok": 1})

    def test_a_request_without_a_timeout_does_not_keep_a_window_from_its_end(self) -> None:
        async def iteration(user: User) -> None:
            await user.http.get("/", timeout=None)

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.wait_closed()

        with ScriptedServer(script) as server:
            recorded, beside = run_windows(Server.at(server.address), iteration, [50 * MS, 50 * MS], timeout_ns=50 * MS)
        assert recorded.undone("request", "cut") == 2  # the same in both windows
        assert [finished.carried_over for finished in recorded.finished] == [0, 1]
        assert not recorded.of("request")
        assert beside.of("request") == Counter({"cut": 1})

    def test_a_pause_beside_a_request_stands_still_too(self) -> None:
        slept: list[int] = []

        async def pause(user: User) -> None:
            async with user.step("pause"):
                await user.sleep(0.15)
            slept.append(time.monotonic_ns())

        async def iteration(user: User) -> None:
            async with user.group() as group:
                group.start(user.http.get("/", timeout=None))
                group.start(pause(user))

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.wait_closed()

        with ScriptedServer(script) as server:
            recorded, beside = run_windows(
                Server.at(server.address), iteration, [100 * MS, 300 * MS], timeout_ns=500 * MS
            )
        assert len(slept) == 1
        assert recorded.of("step") == Counter({"ok": 1})
        assert not beside.of("step")
        assert recorded.times("step", "pause").max_ns >= 149 * MS

    def test_an_upload_with_pauses_is_finished(self) -> None:
        async def pieces(user: User) -> AsyncIterator[bytes]:
            for _ in range(4):
                await user.sleep(0.05)
                yield b"x"

        async def iteration(user: User) -> None:
            await user.http.post("/", content=pieces(user))
            await user.sleep(10)

        def script(peer: Peer) -> None:
            received = b""
            while not received.endswith(b"0\r\n\r\n"):
                received += peer.sock.recv(1000)
            peer.send(RESPONSE)
            peer.wait_closed()

        with ScriptedServer(script) as server:
            recorded, _ = run_windows(Server.at(server.address), iteration, [70 * MS])
        assert recorded.of("request") == Counter({"ok": 1})
        assert recorded.undone("request", "cut") == 1

    def test_the_gate_shuts_in_the_middle_of_a_group(self) -> None:
        begun: list[int] = []

        async def each(user: User, number: int) -> None:
            await user.sleep(0.03 * number)
            begun.append(number)
            await user.http.get("/")

        async def iteration(user: User) -> None:
            async with user.step("group"), user.group() as group:
                for number in range(8):
                    group.start(each(user, number))
            await user.sleep(10)

        with ScriptedServer(serve) as server:
            recorded, _ = run_windows(
                Server.at(server.address), iteration, [100 * MS, 250 * MS], silence_ns=self.SILENCE
            )
        assert sorted(begun) == [*range(8)]
        assert recorded.of("request") == Counter({"ok": 8})
        assert recorded.of("step") == Counter({"ok": 1})
        assert recorded.times("step", "group").max_ns < 900 * MS

    def test_nothing_is_sent(self) -> None:
        sent: list[int] = []

        async def iteration(user: User) -> None:
            await user.http.get("/")
            async with user.group() as group:
                group.start(user.http.get("/"))
                group.start(user.http.get("/"))

        def script(peer: Peer) -> None:
            while peer.receive_request():
                sent.append(time.monotonic_ns())
                peer.send(RESPONSE)

        with ScriptedServer(script) as server:
            recorded, _ = run_windows(
                Server.at(server.address), iteration, [100 * MS] * 3, silence_ns=self.SILENCE, users=3
            )
        assert sum(after - before > self.SILENCE * 0.9 for before, after in itertools.pairwise(sent)) >= 2
        assert recorded.of("request")["ok"] == len(sent)


class TestUsers:
    ROWS: Final = [{"name": f"user {number}", "empty": ""} for number in range(5)]

    def users_of(self, share: int, shares: int, users: int) -> dict[int, tuple[dict[str, str], list[float], Any]]:
        found = {}

        async def on_start(user: User) -> None:
            found[user.number] = (user.data, [user.random.random() for _ in range(3)], user.shared)

        async def iteration(user: User) -> None:
            await user.sleep(1)

        with ScriptedServer(serve) as server:
            run_windows(
                Server.at(server.address),
                iteration,
                [MS],
                on_start,
                share=share,
                shares=shares,
                users=users,
                rows=self.ROWS,
                shared=b'{"a": [1]}',
                seed=7,
            )
        return found

    def test_numbers_rows_and_draws(self) -> None:
        found = self.users_of(1, 3, 4)
        assert sorted(found) == [1, 4, 7, 10]
        assert found[4][0] == self.ROWS[1]  # the second row that this worker was given
        drawn = random.Random("7:10")
        assert found[10][1] == [drawn.random() for _ in range(3)]
        assert all(shared == {"a": [1]} for _, _, shared in found.values())
        assert len({tuple(draws) for _, draws, _ in found.values()}) == 4

    def test_the_same_seed_gives_the_same(self) -> None:
        assert self.users_of(0, 2, 6) == self.users_of(0, 2, 6)

    def test_what_on_start_has_done_is_kept_and_not_counted(self) -> None:
        seen: list[bytes] = []

        async def on_start(user: User) -> None:
            user.name("start")
            assert (await user.http.get("/login")).text == "hello"
            user.http.headers["X-User"] = str(user.number)
            user.check(False, "on start")

        async def iteration(user: User) -> None:
            await user.http.get("/")
            await user.sleep(10)

        def script(peer: Peer) -> None:
            while peer.receive_request():
                seen.append(peer.received)
                peer.send(RESPONSE.replace(b"\r\n\r\n", b"\r\nSet-Cookie: s=1\r\n\r\n"))

        with ScriptedServer(script) as server:
            recorded, beside = run_windows(Server.at(server.address), iteration, [100 * MS], on_start, users=2)
        assert len(seen) == 4
        assert all(b"cookie: s=1" in each.lower() for each in seen[2:])
        assert sorted(each.split(b"X-User: ")[1][:1] for each in seen[2:]) == [b"0", b"1"]
        assert recorded.names("request") == {"GET /": 2}
        assert not beside.of("request")
        assert not recorded.checks

    def test_names(self) -> None:
        async def iteration(user: User) -> None:
            user.name("first")
            await user.http.get("/a")
            await user.http.get("/b", extensions={"name": "second"})
            await user.http.get("/users/17/posts/2?page=1")
            await user.http.get("/x/6f1c2b3a-0000-4000-8000-0123456789ab/0123456789abcdef")
            user.check(True, "yes")
            user.check(0, "no")
            for number in range(300):
                await user.http.get(f"/slug-{number}")

        with ScriptedServer(serve) as server:
            ran = run_once(Server.at(server.address), iteration)
        assert ran.error is None
        names = ran.recorded.names("request")
        assert len(names) == 201
        assert [*names][:4] == ["first", "second", "GET /users/{id}/posts/{id}", "GET /x/{id}/{id}"]
        assert names["other requests"] == 304 - 200

    def test_steps_nested_in_groups_and_left_by_an_error(self) -> None:
        async def item(user: User, number: int) -> None:
            async with user.step(f"item {number % 2}"):
                await user.http.get("/")

        async def iteration(user: User) -> None:
            async with user.step("outer"):
                async with user.step("inner"):
                    await user.http.get("/")
                async with user.group() as group:
                    for number in range(4):
                        group.start(item(user, number))
            for error in (KeyError("k"), None):
                try:
                    async with user.step("fails"):
                        if error is not None:
                            raise error
                        (await user.http.get("/missing", extensions={"expect_status": 500})).raise_for_status()
                        await user.http.get("http://127.0.0.1:1/")
                except (KeyError, httpx.ConnectError):
                    pass

        with ScriptedServer(serve) as server:
            ran = run_once(Server.at(server.address), iteration)
        assert ran.error is None
        outcomes = ran.recorded.outcomes
        steps = {name: +each for (level, name), each in outcomes.items() if level == "step"}
        assert steps == {
            "outer": Counter({"ok": 1}),
            "inner": Counter({"ok": 1}),
            "item 0": Counter({"ok": 2}),
            "item 1": Counter({"ok": 2}),
            "fails": Counter({"script_error": 1, "refused": 1}),
        }
        assert ran.recorded.of("request") == Counter({"ok": 5, "status": 1, "refused": 1})


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
