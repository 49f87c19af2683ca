"""Connections that are kept, or not, and what the scenario itself does to its requests."""

from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from loadlab.scenario import User

from ..load.scripted_server import RESPONSE, Peer
from .scripts import answering, run_against, silent_after

pytestmark = pytest.mark.timeout(60)


class TestKeptConnections:
    """A server may end a connection that it has kept at any time."""

    def script(self, peer: Peer) -> None:
        """Answer one request, and end the connection when the next one has come."""
        peer.receive_request()
        peer.send(RESPONSE)
        peer.receive_request()

    async def get_twice(self, user: User) -> str:
        return (await user.http.get("/")).text + (await user.http.get("/")).text

    def test_a_request_that_crosses_the_end_is_sent_again(self) -> None:
        # Also on the connection that was opened before the load.
        result, recorded, accepted = run_against(self.script, self.get_twice)
        assert result == "hellohello"
        assert recorded.of("request") == Counter({"ok": 2})
        assert recorded.retried == 1
        assert accepted == 2

    def test_not_if_it_could_be_carried_out_twice(self) -> None:
        async def iteration(user: User) -> None:
            await user.http.get("/")
            await user.http.post("/")

        error, recorded, _ = run_against(self.script, iteration)
        assert isinstance(error, httpx.RemoteProtocolError)
        assert recorded.of("request") == Counter({"ok": 1, "closed_early": 1})
        assert recorded.retried == 0

    def test_not_if_the_profile_says_so(self) -> None:
        error, recorded, _ = run_against(self.script, self.get_twice, retry=False)
        assert isinstance(error, httpx.RemoteProtocolError)
        assert recorded.of("request") == Counter({"ok": 1, "closed_early": 1})

    def test_an_end_that_was_seen_before_costs_nothing(self) -> None:
        async def iteration(user: User) -> None:
            for _ in range(4):
                await user.http.post("/")
                await user.sleep(0.02)

        error, recorded, accepted = run_against(answering(RESPONSE), iteration)
        assert error is None
        assert recorded.of("request") == Counter({"ok": 4})
        assert recorded.retried == 0
        assert accepted == 4

    def test_a_connection_for_each_request(self) -> None:
        async def iteration(user: User) -> None:
            for _ in range(4):
                await user.http.get("/")

        resets: list[bool] = []

        def script(peer: Peer) -> None:
            peer.receive_request()
            peer.send(RESPONSE)
            try:
                resets.append(peer.receive_request())
            except ConnectionResetError:
                resets.append(True)

        error, recorded, accepted = run_against(script, iteration, per_request=True)
        assert error is None
        assert recorded.of("request") == Counter({"ok": 4})
        assert accepted == 4
        assert resets == [True] * 4  # so that no port is kept in TIME_WAIT

    def test_bytes_behind_an_answer_end_the_connection(self) -> None:
        async def iteration(user: User) -> str:
            return (await user.http.get("/")).text + (await user.http.get("/")).text

        result, recorded, accepted = run_against(answering(RESPONSE + b"more"), iteration)
        assert result == "hellohello"
        assert recorded.of("request") == Counter({"ok": 2})
        assert (recorded.surplus, accepted) == (2, 2)


class TestOwnErrors:
    """What the scenario does wrong is no failure of the server's."""

    @pytest.mark.parametrize("error", [FileNotFoundError(2, "no file"), TimeoutError("mine"), KeyError("k")])
    def test_of_a_body_that_the_scenario_does_not_come_up_with(self, error: Exception) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            raise error

        async def iteration(user: User) -> None:
            await user.http.post("/", content=pieces())

        found, recorded, _ = run_against(silent_after(b""), iteration)
        assert found is error
        assert recorded.of("request") == Counter({"cut": 1})
        assert recorded.of("iteration") == Counter({"script_error": 1})

    def test_of_a_request_that_cannot_be_sent(self) -> None:
        async def iteration(user: User) -> list[str]:
            found = []
            for url, headers in (
                ("/", {"X": "a\nb"}),
                ("/", {"X": "a\rb"}),
                ("ftp://x/", {}),
                ("http://192.0.2.1/", {}),
            ):
                try:
                    await user.http.get(url, headers=headers)
                except httpx.TransportError as error:
                    found.append(type(error).__name__)
            await user.http.get("/")
            return found

        result, recorded, _ = run_against(answering(RESPONSE), iteration)
        assert result == ["LocalProtocolError"] * 2 + ["UnsupportedProtocol"] * 2
        assert recorded.of("request") == Counter({"ok": 1})

    def test_in_a_group_cancel_what_is_under_way(self) -> None:
        async def fail(user: User) -> None:
            await user.sleep(0.02)
            raise KeyError("mine")

        async def iteration(user: User) -> None:
            async with user.step("both"), user.group() as group:
                group.start(user.http.get("/"))
                group.start(fail(user))

        error, recorded, _ = run_against(silent_after(b""), iteration)
        assert isinstance(error, KeyError)
        assert recorded.of("request") == Counter({"cut": 1})
        assert recorded.of("step") == recorded.of("iteration") == Counter({"script_error": 1})
        assert all("KeyError" in sample.reason for sample in recorded.samples)

    def test_an_answer_is_gone_with_its_iteration(self) -> None:
        kept: list[httpx.Response] = []

        async def iteration(user: User) -> None:
            kept.append(await user.http.send(user.http.build_request("GET", "/"), stream=True))

        _, recorded, _ = run_against(silent_after(RESPONSE[:-1]), iteration)
        assert recorded.of("request") == Counter({"ok": 1})
        with pytest.raises(httpx.StreamClosed):
            kept[0].aread().send(None)
