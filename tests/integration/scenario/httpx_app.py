"""A server under uvicorn for whatever httpx can do: `python httpx_app.py [tcp|ipv6|SOCKET]`. It prints its port.

With CERTIFICATE in its environment, a file with the private key too, it speaks TLS.
"""

import asyncio
import gzip
import hashlib
import os
import socket
import sys
import zlib
from collections.abc import AsyncIterator
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse

app = FastAPI()

TEXT: Final = b"all work and no play makes Jack a dull boy\n" * 100
_NONCE: Final = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


@app.api_route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@app.api_route("/echo/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def echo(request: Request) -> JSONResponse:
    """Answer with the request as it came."""
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "target": request.scope["raw_path"].decode("latin-1"),
            "query": str(request.scope["query_string"], "latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw],
            "body": body.decode("latin-1"),
        }
    )


@app.get("/cookies")
async def cookies(request: Request) -> dict[str, str]:
    """Answer with the cookies that came."""
    return dict(request.cookies)


@app.get("/cookies/set")
async def set_cookies() -> Response:
    """Set cookies of several kinds."""
    response = PlainTextResponse("set")
    response.set_cookie("session", "s1", httponly=True)
    response.set_cookie("theme", "dark", max_age=3600)
    response.set_cookie("narrow", "n1", path="/cookies/narrow")
    response.set_cookie("foreign", "f1", domain="example.org")
    return response


@app.get("/cookies/expire")
async def expire_cookies() -> Response:
    """Take back the cookie `session`."""
    response = PlainTextResponse("expired")
    response.delete_cookie("session")
    return response


@app.get("/cookies/narrow")
async def narrow_cookies(request: Request) -> dict[str, str]:
    """Answer with the cookies that came for this path."""
    return dict(request.cookies)


@app.api_route("/redirect", methods=["GET", "POST", "HEAD"])
async def redirect(to: str, status: int = 302) -> Response:
    """Redirect, and set a cookie on the way."""
    response = RedirectResponse(to, status)
    response.set_cookie("way", str(status))
    return response


@app.get("/redirect/{times}")
async def redirect_often(times: int) -> Response:
    """Redirect so many times, and then to /echo."""
    return RedirectResponse(f"/redirect/{times - 1}" if times > 1 else "/echo")


@app.get("/basic")
async def basic(request: Request) -> Response:
    """Answer with the credentials; ask for them if there are none."""
    given = request.headers.get("authorization")
    if given is None:
        return PlainTextResponse("who?", 401, {"WWW-Authenticate": 'Basic realm="shop"'})
    return PlainTextResponse(given)


@app.get("/digest")
async def digest(request: Request) -> Response:
    """Answer to the user `alice` whose password is `secret`."""
    given = request.headers.get("authorization", "")
    if not given.startswith("Digest "):
        challenge = f'Digest realm="shop", qop="auth", algorithm=MD5, nonce="{_NONCE}", opaque="5ccc"'
        return PlainTextResponse("who?", 401, {"WWW-Authenticate": challenge})
    fields = {key: value.strip('"') for key, _, value in (pair.partition("=") for pair in given[7:].split(", "))}
    first, second = _md5("alice:shop:secret"), _md5(f"GET:{fields['uri']}")
    expected = _md5(f"{first}:{_NONCE}:{fields['nc']}:{fields['cnonce']}:auth:{second}")
    return PlainTextResponse("hello alice" if fields["response"] == expected else "wrong", 200)


@app.post("/token")
async def token() -> dict[str, str]:
    """Give a token."""
    return {"token": "t0"}


@app.get("/secured")
async def secured(request: Request) -> Response:
    """Answer a client that has the token; tell others where to get one."""
    if request.headers.get("x-token") != "t0":
        return JSONResponse({"get it at": "/token"}, 401)
    return PlainTextResponse("secret")


@app.post("/upload")
async def upload(request: Request) -> dict[str, Any]:
    """Answer with what came in a form."""
    async with request.form() as form:
        found: dict[str, Any] = {}
        for name, value in form.multi_items():
            if isinstance(value, str):
                found[name] = value
            else:
                content = await value.read()
                found[name] = [value.filename, value.content_type, len(content), hashlib.sha256(content).hexdigest()]
    return found


@app.api_route("/sha", methods=["POST", "PUT"])
async def sha(request: Request) -> dict[str, Any]:
    """Answer with the size and the hash of a body that is read piece by piece."""
    hashed, size = hashlib.sha256(), 0
    async for piece in request.stream():
        hashed.update(piece)
        size += len(piece)
    length, coding = request.headers.get("content-length"), request.headers.get("transfer-encoding")
    return {"size": size, "sha": hashed.hexdigest(), "length": length, "coding": coding}


@app.get("/lines/{count}")
async def lines(count: int, pause: float = 0.0) -> Response:
    """Send so many lines, each by itself, with a pause before each."""

    async def each() -> AsyncIterator[str]:
        for number in range(count):
            await asyncio.sleep(pause)
            yield f"line {number}\n"

    return StreamingResponse(each(), media_type="text/plain")


@app.get("/bytes/{count}")
async def some_bytes(count: int) -> Response:
    """Send so many bytes."""
    return Response((b"0123456789" * (count // 10 + 1))[:count], media_type="application/octet-stream")


@app.get("/compressed/{coding}")
async def compressed(coding: str) -> Response:
    """Send a text in that coding."""
    content = gzip.compress(TEXT, mtime=0) if coding == "gzip" else zlib.compress(TEXT)
    return Response(content, media_type="text/plain", headers={"Content-Encoding": coding})


@app.get("/latin")
async def latin() -> Response:
    """Send a text that is not UTF-8."""
    return Response("Größe".encode("latin-1"), media_type="text/plain; charset=iso-8859-1")


@app.api_route("/status/{status}", methods=["GET", "HEAD", "POST"])
async def status(status: int) -> Response:
    """Answer with that status, and with a body where it may have one."""
    headers = {"ETag": '"e1"'} if status == 304 else {}
    return Response(None if status in (204, 304) else b"body", status, headers)


@app.get("/closes")
async def closes() -> Response:
    """Answer and end the connection."""
    return PlainTextResponse("bye", headers={"Connection": "close"})


@app.get("/sleep")
async def sleep(seconds: float) -> Response:
    """Answer after a while."""
    await asyncio.sleep(seconds)
    return PlainTextResponse("good morning")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def main() -> None:
    where = sys.argv[1]
    if "/" in where:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(where)
        shown = "0"
    else:
        listener = socket.create_server(
            ("::1" if where == "ipv6" else "127.0.0.1", 0),
            family=socket.AF_INET6 if where == "ipv6" else socket.AF_INET,
        )
        shown = str(listener.getsockname()[1])
    certificate = os.environ.get("CERTIFICATE")
    config = uvicorn.Config(
        app, lifespan="off", log_level="warning", ws="none", ssl_certfile=certificate, timeout_graceful_shutdown=1
    )
    with listener:
        listener.listen(100)
        print(shown, flush=True)
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
