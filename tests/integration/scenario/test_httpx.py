"""All that httpx users know works in a scenario: each call gives what httpx's own client gives on asyncio."""

import asyncio
import ssl
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from loadlab.scenario import User
from loadlab.tls import TlsSettings

from .conftest import serving_app
from .httpx_calls import CALLS, Call
from .worker import Server, run_once

pytestmark = pytest.mark.timeout(120)


def with_httpx(server: Server, call: Call, **settings: Any) -> object:  # noqa: ANN401 - those of httpx.AsyncClient
    """Return what a call gives with httpx's own transport on asyncio."""

    async def main() -> object:
        async with httpx.AsyncClient(base_url=server.url, timeout=10, trust_env=False, **settings) as client:
            return await call(client)

    return asyncio.run(main())


def with_loadlab(server: Server, call: Call) -> object:
    """Return what a call gives in a scenario."""

    async def iteration(user: User) -> object:
        return await call(user.http)

    ran = run_once(server, iteration)
    if ran.error is not None:
        raise ran.error
    return ran.result


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_what_httpx_gives(name: str, app: Server) -> None:
    assert with_loadlab(app, CALLS[name]) == with_httpx(app, CALLS[name])


@pytest.mark.parametrize("name", [name for name in CALLS if name != "timeouts"])
def test_over_tls_too(name: str, tls_app: Server) -> None:
    assert tls_app.tls is not None
    assert tls_app.tls.ca is not None
    context = ssl.create_default_context(cafile=tls_app.tls.ca)
    assert with_loadlab(tls_app, CALLS[name]) == with_httpx(tls_app, CALLS[name], verify=context)


def test_over_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "app.socket")
    with serving_app(path):
        server = Server(path, "localhost")
        for name in ("methods", "redirects", "streamed_answers", "forms_and_files"):
            transport = httpx.AsyncHTTPTransport(uds=path)
            assert with_loadlab(server, CALLS[name]) == with_httpx(server, CALLS[name], transport=transport), name


def test_over_ipv6() -> None:
    with serving_app("ipv6") as port:
        server = Server.at(("::1", port))
        for name in ("methods", "redirects", "cookies"):
            assert with_loadlab(server, CALLS[name]) == with_httpx(server, CALLS[name]), name


def test_a_certificate_of_another_authority_gives_a_sentence(tls_app: Server, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    server = Server(tls_app.address, tls_app.authority, TlsSettings("localhost", str(tmp_path / "other.pem")))

    async def iteration(user: User) -> None:
        await user.http.get("/echo")

    ran = run_once(server, iteration)
    assert isinstance(ran.error, httpx.ConnectError)
    assert "--cacert" in str(ran.error)
    assert ran.recorded.of("request") == Counter({"tls": 1})
    assert ran.recorded.of("iteration") == Counter({"tls": 1})
