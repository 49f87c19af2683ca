"""A chat: a ticket by HTTP, and a WebSocket that is opened with it. Each message comes back with the sender's name."""

import secrets

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel


class Guest(BaseModel):
    """Who wants to chat."""

    name: str


NO_TICKET = 4401
tickets: dict[str, str] = {}
app = FastAPI()


@app.post("/tickets", status_code=201)
async def give_ticket(guest: Guest) -> dict[str, str]:
    """Give a ticket that is good for one WebSocket."""
    ticket = secrets.token_urlsafe()
    tickets[ticket] = guest.name
    return {"ticket": ticket}


@app.websocket("/chat")
async def chat(websocket: WebSocket, ticket: str = "") -> None:
    """Send back what a guest says."""
    await websocket.accept()
    name = tickets.pop(ticket, None)
    if name is None:
        await websocket.close(NO_TICKET, "no ticket")
        return
    await websocket.send_text(f"welcome, {name}")
    try:
        while True:
            await websocket.send_text(f"{name}: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass
