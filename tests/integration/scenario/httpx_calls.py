"""What users of httpx do with a client, each a coroutine that returns what can be compared."""

import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from typing import Any, Final

import httpx

Call = Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]]

CALLS: Final[dict[str, Call]] = {}

_BIG: Final = bytes(range(256)) * 8_000


def call(function: Call) -> Call:
    """Note a call under its name."""
    CALLS[function.__name__] = function
    return function


def described(response: httpx.Response) -> dict[str, Any]:
    """Return all that a response says of itself, but for the time."""
    request = response.request
    return {
        "status": response.status_code,
        "reason": response.reason_phrase,
        "version": response.http_version,
        "headers": [pair for pair in response.headers.multi_items() if pair[0] != "date"],
        "content": response.content,
        "text": response.text,
        "encoding": response.encoding,
        "url": str(response.url),
        "request": (request.method, str(request.url), sorted(request.headers.multi_items())),
        "history": [described(each) for each in response.history],
        "next": str(response.next_request and response.next_request.url),
        "downloaded": response.num_bytes_downloaded,
        "cookies": sorted(response.cookies.items()),
        "has elapsed": response.elapsed.total_seconds() > 0,
        "closed": (response.is_closed, response.is_stream_consumed),
    }


@call
async def methods(client: httpx.AsyncClient) -> object:
    return [
        described(await client.get("/echo/a%20b/ü?x=1&y=ö")),
        described(await client.options("/echo")),
        described(await client.post("/echo", content=b"\x00\xff")),
        described(await client.put("/echo", content="text")),
        described(await client.patch("/echo", json={"a": [1, None, "ü"]})),
        described(await client.delete("/echo")),
        described(await client.request("POST", "/echo", data={"a": "1", "b": ["2", "3"]})),
        described(await client.post("/echo", content=b"")),
        described(await client.post("/echo")),
    ]


@call
async def no_body(client: httpx.AsyncClient) -> object:
    statuses = [204, 304, 404, 500, 299]
    found = [described(await client.get(f"/status/{status}")) for status in statuses]
    found += [described(await client.head(f"/status/{status}")) for status in (200, 204, 404)]
    return [*found, described(await client.get("/echo"))]


@call
async def parameters(client: httpx.AsyncClient) -> object:
    found = [
        described(await client.get("/echo", params={"a": "1 &", "b": [1, 2], "none": None})),
        described(await client.get("/echo?kept=1", params={"a": 1})),
        described(await client.get("/echo?kept=1", params={})),
        described(await client.get("/echo?kept=1", params=[("a", "1"), ("a", "2")])),
    ]
    client.params = httpx.QueryParams({"key": "k"})
    found.append(described(await client.get("/echo", params={"a": 1})))
    found.append(described(await client.get("/echo?x=2")))
    client.params = httpx.QueryParams()
    found.append(described(await client.get("/echo?x=2")))
    return found


@call
async def base_urls(client: httpx.AsyncClient) -> object:
    base = client.base_url
    found = [described(await client.get(str(base.join("/echo/absolute")))), described(await client.get("echo"))]
    client.base_url = base.join("/echo/")
    found += [described(await client.get(path)) for path in ("/below", "below", "", "/below")]
    found.append(described(await client.get(httpx.URL("/below", params={"a": "b"}))))
    client.base_url = base
    found.append(described(await client.get("/echo/below")))
    return found


@call
async def headers(client: httpx.AsyncClient) -> object:
    client.headers["X-Client"] = "c"
    client.headers.update({"User-Agent": "shop"})
    return [
        described(await client.get("/echo", headers={"X-Call": "1", "x-client": "over"})),
        described(await client.get("/echo", headers=[("X-Two", "1"), ("X-Two", "2")])),
        described(await client.get("/echo", headers={"Connection": "close"})),
        described(await client.get("/echo", headers={b"X-Latin": "Größe".encode("latin-1")})),
    ]


@call
async def cookies(client: httpx.AsyncClient) -> object:
    found: list[Any] = [described(await client.get("/cookies/set")), dict(client.cookies.items())]
    found += [(await client.get(path)).json() for path in ("/cookies", "/cookies/narrow")]
    await client.get("/cookies/expire")
    found += [(await client.get("/cookies")).json(), sorted(cookie.name for cookie in client.cookies.jar)]
    client.cookies.set("own", "o1", domain=client.base_url.host, path="/cookies")
    found += [(await client.get(path)).json() for path in ("/cookies", "/cookies/narrow")]
    found.append((await client.get("/echo")).json())
    client.cookies = httpx.Cookies({"replaced": "r1"})
    found.append((await client.get("/cookies")).json())
    client.cookies.clear()
    found.append((await client.get("/cookies")).json())
    await client.get("/cookies/set")
    found.append((await client.get("/cookies")).json())
    client.cookies.delete("theme")
    found.append((await client.get("/cookies")).json())
    return found


@call
async def redirects(client: httpx.AsyncClient) -> object:
    other = client.base_url.copy_with(host="localhost")
    unfollowed = await client.get("/redirect", params={"to": "/echo"})
    found: list[Any] = [described(unfollowed)]
    assert unfollowed.next_request is not None
    found.append(described(await client.send(unfollowed.next_request)))
    found.append(described(await client.get("/redirect/3", follow_redirects=True)))
    found.append(described(await client.head("/redirect?to=/status/200", follow_redirects=True)))
    for status in (301, 302, 303, 307, 308):
        target = f"/redirect?to=/echo&status={status}"
        found.append(described(await client.post(target, json={"a": 1}, follow_redirects=True)))
    if client.base_url.host == "127.0.0.1":
        target = f"/redirect?to={other.join('/echo')}"
        found.append(described(await client.get(target, follow_redirects=True, headers={"Authorization": "secret"})))
    for too_many in ("/redirect/30", "/redirect?to=gopher://x/"):
        try:
            await client.get(too_many, follow_redirects=True)
        except httpx.HTTPError as error:
            found.append((type(error), str(error)))
    return found


class TokenAuth(httpx.Auth):
    """Gets a token where the answer says, and tries again."""

    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield request
        if answer.status_code == 401:
            token = yield httpx.Request("POST", request.url.join(answer.json()["get it at"]))
            request.headers["X-Token"] = token.json()["token"]
            yield request


class AsyncTokenAuth(httpx.Auth):
    """The same, as a coroutine."""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        answer = yield request
        assert answer.status_code == 401
        await answer.aread()
        request.headers["X-Token"] = "t0"
        yield request


@call
async def authentication(client: httpx.AsyncClient) -> object:
    found = [
        described(await client.get("/basic")),
        described(await client.get("/basic", auth=("alice", "secret"))),
        described(await client.get("/basic", auth=httpx.BasicAuth("alice", "ü"))),
        described(await client.get(client.base_url.copy_with(username="bob", password="b", path="/basic"))),
        (await client.get("/digest", auth=httpx.DigestAuth("alice", "secret"))).text,
        (await client.get("/digest", auth=httpx.DigestAuth("alice", "other"))).text,
        described(await client.get("/secured", auth=TokenAuth())),
        described(await client.get("/secured", auth=AsyncTokenAuth())),
        described(await client.get("/secured", auth=lambda request: request)),
    ]
    client.auth = ("carol", "c")
    found.append(described(await client.get("/basic")))
    digest = httpx.DigestAuth("alice", "secret")
    answers = [await client.get("/digest", auth=digest) for _ in range(3)]
    return [*found, [(each.text, len(each.history)) for each in answers]]


@call
async def forms_and_files(client: httpx.AsyncClient) -> object:
    answers = [
        await client.post("/upload", data={"a": "1", "b": "ü"}),
        await client.post("/upload", files={"photo": ("a.png", b"\x89PNG", "image/png")}),
        await client.post("/upload", data={"title": "t"}, files=[("f", ("1.bin", _BIG)), ("g", ("ü.txt", b"x"))]),
        await client.post("/upload", files={"f": ("read.bin", io.BytesIO(_BIG * 2))}),
        await client.post("/upload", files={"f": ("empty.bin", b"")}),
    ]
    return [(each.status_code, each.json()) for each in answers]


async def _pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield b"%d" % (number % 10) * size


@call
async def streamed_uploads(client: httpx.AsyncClient) -> object:
    found = [
        (await client.post("/sha", content=_pieces(5, 3))).json(),
        (await client.post("/sha", content=_pieces(40, 100_000))).json(),
        (await client.post("/sha", content=_pieces(0, 0))).json(),
        (await client.post("/sha", content=_pieces(3, 0))).json(),
        (await client.put("/sha", content=_pieces(10, 10), headers={"Content-Length": "100"})).json(),
        (await client.post("/sha", content=_BIG)).json(),
    ]
    try:
        await client.post("/sha", content=iter([b"synchronous"]))
    except RuntimeError as error:
        found.append(str(error))
    return found


@call
async def streamed_answers(client: httpx.AsyncClient) -> object:
    found: list[Any] = []
    async with client.stream("GET", "/lines/20") as response:
        found.append(b"".join([piece async for piece in response.aiter_bytes()]))
        found.append((response.is_stream_consumed, response.num_bytes_downloaded))
    async with client.stream("GET", "/lines/20") as response:
        found.append([line async for line in response.aiter_lines()])
    async with client.stream("GET", "/lines/20") as response:
        found.append("".join([text async for text in response.aiter_text()]))
    async with client.stream("GET", "/bytes/300000") as response:
        found.append([len(piece) async for piece in response.aiter_bytes(100_000)])
    async with client.stream("GET", "/compressed/gzip") as response:
        found.append(b"".join([piece async for piece in response.aiter_raw()]))
    async with client.stream("GET", "/lines/3?pause=0.01") as response:
        await response.aread()
        found.append(described(response))
    async with client.stream("GET", "/echo") as response:
        await response.aread()
        found.append(described(response))
    async with client.stream("HEAD", "/status/200") as response:
        found.append([piece async for piece in response.aiter_raw()])
    async with client.stream("GET", "/bytes/3000000") as response:
        found.append((response.status_code, response.is_closed))  # left unread
    found.append(response.is_closed)
    async with client.stream("GET", "/bytes/3000000") as response:
        async for piece in response.aiter_bytes(10):
            found.append(piece)
            break
    response = await client.send(client.build_request("GET", "/lines/5"), stream=True)
    try:
        _ = response.content
    except httpx.ResponseNotRead as error:
        found.append(str(error))
    found.append(await response.aread())
    await response.aclose()
    found.append((response.is_closed, response.content == response.read() if response.is_closed else None))
    for again in (response.aiter_raw, response.aiter_lines):
        try:
            found.append([piece async for piece in again()])
        except httpx.StreamError as error:
            found.append(type(error))
    response = await client.send(client.build_request("GET", "/bytes/3000000"), stream=True)
    await response.aclose()
    try:
        await response.aread()
    except httpx.StreamError as error:
        found.append(type(error))
    return [*found, described(await client.get("/echo"))]


@call
async def codings(client: httpx.AsyncClient) -> object:
    answers = [await client.get(path) for path in ("/compressed/gzip", "/compressed/deflate", "/latin")]
    return [described(answer) for answer in answers]


@call
async def sizes(client: httpx.AsyncClient) -> object:
    counts = (0, 1, 16_000, 16_384, 65_536, 100_000, 3_000_000)
    return [described(await client.get(f"/bytes/{count}")) for count in counts]


@call
async def ended_connections(client: httpx.AsyncClient) -> object:
    return [described(await client.get(path)) for path in ("/closes", "/echo", "/closes", "/closes", "/echo")]


@call
async def errors(client: httpx.AsyncClient) -> object:
    found: list[Any] = []
    for path in ("/status/404", "/status/500", "/redirect?to=/echo"):
        try:
            (await client.get(path)).raise_for_status()
        except httpx.HTTPStatusError as error:
            found.append((str(error), error.response.status_code, str(error.request.url)))
    found.append((await client.get("/status/200")).raise_for_status().status_code)
    try:
        (await client.get("/status/200")).json()
    except json.JSONDecodeError as error:
        found.append(str(error))
    try:
        await client.get("gopher://somewhere/")
    except httpx.UnsupportedProtocol as error:
        found.append(type(error))
    try:
        await client.get("/echo", headers={"X": "a\r\nb: c"})
    except httpx.LocalProtocolError as error:
        found.append(type(error))
    return [*found, described(await client.get("/echo"))]


@call
async def event_hooks(client: httpx.AsyncClient) -> object:
    seen: list[Any] = []

    async def on_request(request: httpx.Request) -> None:
        seen.append((request.method, str(request.url)))
        request.headers["X-Hook"] = "h"

    async def on_response(response: httpx.Response) -> None:
        seen.append((response.status_code, response.is_closed))
        await response.aread()
        seen.append(response.content)
        response.raise_for_status()

    client.event_hooks = {"request": [on_request], "response": [on_response]}
    found = [described(await client.get("/echo")), described(await client.get("/lines/3?pause=0.01"))]
    for path in ("/status/404", "/redirect?to=/echo"):
        try:
            await client.get(path, follow_redirects=True)
        except httpx.HTTPStatusError as error:
            found.append({"raised": error.response.status_code, "content": error.response.content})
    return [found, seen]


@call
async def built_requests(client: httpx.AsyncClient) -> object:
    request = client.build_request("POST", "/echo", json=[1], params={"q": "1"}, headers={"X": "y"})
    found = [described(await client.send(request)), described(await client.send(request))]
    found.append(described(await client.send(httpx.Request("GET", client.base_url.join("/echo")))))
    found.append(described(await client.send(client.build_request("GET", "/redirect/2"), follow_redirects=True)))
    found.append(described(await client.send(client.build_request("GET", "/basic"), auth=("a", "b"))))
    client.follow_redirects = True
    return [*found, described(await client.get("/redirect/2"))]


@call
async def timeouts(client: httpx.AsyncClient) -> object:
    found: list[Any] = []
    for limit in (1, httpx.Timeout(20, read=0.1)):
        try:
            await client.get("/sleep?seconds=30", timeout=limit)
        except httpx.TimeoutException as error:
            found.append((type(error), str(error.request.url)))
    try:
        async with client.stream("GET", "/lines/3?pause=20", timeout=1) as response:
            found.append(response.status_code)
            await response.aread()
    except httpx.ReadTimeout as error:
        found.append((type(error), response.is_closed))
    answer = await client.get("/sleep?seconds=0.01", timeout=None)
    return [*found, described(answer), described(await client.get("/lines/2?pause=0.6", timeout=1))]
