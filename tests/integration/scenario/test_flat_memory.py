"""A worker with a scenario keeps nothing of its requests, and its garbage is not cyclic: nothing has to be looked for.

Collections of cyclic garbage are rare under load, as each looks through all that the users have.
"""

import gc
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import httpx
import pytest

from loadlab.scenario import User

from ..load.scripted_server import RESPONSE, Peer, ScriptedServer
from .worker import Server, run_once

pytestmark = pytest.mark.timeout(120)

TIMES: Final = 200
WARM_UP: Final = 20
Way = Callable[[User], Coroutine[Any, Any, Any]]
WAYS: Final[dict[str, Way]] = {}


def way(function: Way) -> Way:
    """Note a way to use a client under its name."""
    WAYS[function.__name__] = function
    return function


@way
async def get(user: User) -> None:
    await user.http.get("/")


@way
async def post(user: User) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    await user.http.post("/", json={"a": 1})
    await user.http.get("/", params={"a": 1}, headers={"X": "y"}, timeout=5)
    await user.http.post("/slow", files={"f": b"content"})
    await user.http.post("/slow", content=pieces())


@way
async def stream(user: User) -> None:
    async with user.http.stream("GET", "/slow") as response:
        async for _ in response.aiter_lines():
            pass


@way
async def stream_left(user: User) -> None:
    async with user.http.stream("GET", "/cut") as response:
        async for _ in response.aiter_bytes():
            break


@way
async def redirect(user: User) -> None:
    await user.http.get("/redirect", follow_redirects=True)


@way
async def status(user: User) -> None:
    user.check((await user.http.get("/missing")).raise_for_status().is_success, "found")


@way
async def steps(user: User) -> None:
    async with user.step("outer"), user.step("inner"):
        await user.http.get("/")
        await user.sleep(0.0001)
        raise KeyError("own")


@way
async def group(user: User) -> None:
    async with user.group() as together:
        for _ in range(8):
            together.start(user.http.get("/"))


@way
async def group_with_error(user: User) -> None:
    async with user.group() as together:
        together.start(user.http.get("/silent"))
        raise KeyError("own")


@way
async def group_with_failure(user: User) -> None:
    async with user.group() as together:
        together.start(user.http.get("/silent"))
        together.start(user.http.get("/reset"))


@way
async def timeout(user: User) -> None:
    await user.http.get("/silent", timeout=0.001)


@way
async def reset(user: User) -> None:
    await user.http.get("/reset")


@way
async def closed_early(user: User) -> None:
    await user.http.get("/cut")


@way
async def malformed(user: User) -> None:
    await user.http.get("/nonsense")


@way
async def undecodable(user: User) -> None:
    await user.http.get("/gzip")


@way
async def refused(user: User) -> None:
    await user.http.get("http://127.0.0.1:1/")


@way
async def in_thread(user: User) -> None:
    await user.thread(len, "text")


@way
async def failing_thread(user: User) -> None:
    await user.thread(int, "text")


REQUEST: Final = re.compile(rb"(?:GET|POST) (\S+) HTTP/1.1\r\n")
OK: Final = b"HTTP/1.1 200 OK\r\n"
ANSWERS: Final = {
    b"/slow": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"/redirect": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    b"/missing": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"/cut": RESPONSE[:-1],
    b"/nonsense": b"nonsense\r\n\r\n",
    b"/gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
}


def answer(peer: Peer) -> None:
    """Answer by the path of a request, whatever its body, the rest of which may come with the next request."""
    while received := peer.sock.recv(65_536):
        if (request := REQUEST.search(received)) is None:
            continue  # a body
        path = request[1]
        if path == b"/silent":
            peer.wait_closed()
            return
        if path == b"/reset":
            peer.reset_on_close()
            return
        peer.send(ANSWERS.get(path, RESPONSE))
        if path == b"/slow":
            peer.send(b"0\r\n\r\n")
        if path in (b"/cut", b"/nonsense"):
            return


@pytest.mark.parametrize("per_request", [False, True], ids=["kept", "per-request"])
@pytest.mark.parametrize("name", WAYS)
def test_no_cyclic_garbage(name: str, per_request: bool) -> None:
    found: list[int] = []

    async def iteration(user: User) -> None:
        try:
            for number in range(TIMES):
                if number == WARM_UP:
                    gc.collect()
                    gc.disable()
                with suppress(httpx.HTTPError, KeyError, ValueError):
                    await WAYS[name](user)
            found.append(gc.collect())
        finally:
            gc.enable()

    with ScriptedServer(answer) as server:
        ran = run_once(Server.at(server.address), iteration, per_request=per_request)
    assert ran.error is None
    assert found[0] < TIMES - WARM_UP  # less than an object each


def test_no_objects_are_kept() -> None:
    counts: list[Counter[str]] = []

    async def iteration(user: User) -> None:
        for number in range(1_100):
            await get(user)
            await group(user)
            if number % 500 == 50:
                gc.collect()
                counts.append(Counter(type(each).__name__ for each in gc.get_objects()))

    with ScriptedServer(answer) as server:
        ran = run_once(Server.at(server.address), iteration)
    assert ran.error is None
    assert ran.recorded.of("request")["ok"] == 1_100 * 9
    # Cancelled timers are cleared now and then.
    grown = +(counts[2] - counts[1]) - Counter({"tuple": 300, "Timer": 300})
    assert grown.total() < 100, grown
