"""A service with passwords, which are hashed slowly, as they should be: in the event loop, or in a thread."""

import csv
import hashlib
import os
import secrets
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

IN_LOOP = os.environ.get("HASH_IN", "loop") == "loop"
SALT = b"one salt for all keeps this example short"


class Credentials(BaseModel):
    """What a user logs in with."""

    name: str
    password: str


def hashed(password: str) -> bytes:
    """Hash a password; it takes 10 to 20 ms of CPU time."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, 50_000)


with (Path(__file__).parent / "users.csv").open(newline="") as file:
    PASSWORDS = {row["name"]: hashed(row["password"]) for row in csv.DictReader(file)}
sessions: dict[str, str] = {}
app = FastAPI()


@app.post("/login")
async def log_in(given: Credentials) -> dict[str, str]:
    """Return a token for a name and its password."""
    found = hashed(given.password) if IN_LOOP else await run_in_threadpool(hashed, given.password)
    if not secrets.compare_digest(found, PASSWORDS.get(given.name, b"")):
        raise HTTPException(401)
    token = secrets.token_urlsafe()
    sessions[token] = given.name
    return {"token": token}


@app.get("/me")
async def me(authorization: Annotated[str, Header()] = "") -> dict[str, str]:
    """Return who shows this token."""
    name = sessions.get(authorization.removeprefix("Bearer "))
    if name is None:
        raise HTTPException(401)
    return {"name": name}


@app.post("/logout", status_code=204)
async def log_out(authorization: Annotated[str, Header()] = "") -> None:
    """Forget a token."""
    sessions.pop(authorization.removeprefix("Bearer "), None)
