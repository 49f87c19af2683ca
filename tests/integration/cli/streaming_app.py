"""A server of tokens as that of a language model: the head at once, the first token later, then one after the other."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

FIRST_SECONDS = 0.05
BETWEEN_SECONDS = 0.01
TOKENS = 10


async def tokens() -> AsyncIterator[str]:
    await asyncio.sleep(FIRST_SECONDS)
    for number in range(TOKENS):
        yield f'data: {{"token": "t{number}"}}\n\n'
        await asyncio.sleep(BETWEEN_SECONDS)
    yield "data: [DONE]\n\n"


async def complete(request: Request) -> StreamingResponse:
    await request.body()
    return StreamingResponse(tokens(), media_type="text/event-stream")


app = Starlette(routes=[Route("/complete", complete, methods=["GET", "POST"])])
