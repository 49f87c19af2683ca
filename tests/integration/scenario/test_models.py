"""Models of load with a scenario: who iterates when, what is counted in and between windows, and with which data."""

import random
from collections import Counter
from typing import Any, Final

import httpx
import pytest

from loadlab.fleet.messages import ClosedPacing, OpenPacing
from loadlab.scenario import User

from ..load.scripted_server import RESPONSE, Peer, ScriptedServer
from .scripts import serve
from .worker import MS, Server, run_once, run_windows

pytestmark = pytest.mark.timeout(180)


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
