"""The same file uploaded in three ways: as a form, as the body, and as a body whose length nobody knows beforehand."""

import hashlib
import random
from collections.abc import AsyncIterator

import httpx

from loadlab.scenario import User

PIECE_BYTES = 64 * 1024
# A file of one's own: (Path(__file__).parent / "photo.jpg").read_bytes(), here as well: read once, before the load.
PHOTO = random.Random(1).randbytes(1_000_000)
DIGEST = hashlib.sha256(PHOTO).hexdigest()


async def as_form(user: User) -> None:
    """Upload it as a form does (multipart/form-data)."""
    check(user, await user.http.post("/forms", files={"photo": ("photo.jpg", PHOTO, "image/jpeg")}))


async def as_body(user: User) -> None:
    """Upload it as the body of the request, with its length."""
    check(user, await user.http.put(f"/files/{user.number}", content=PHOTO))


async def as_stream(user: User) -> None:
    """Upload it piece by piece as it is made: Transfer-Encoding: chunked."""
    check(user, await user.http.put(f"/files/{user.number}", content=pieces()))


async def pieces() -> AsyncIterator[bytes]:
    """Yield the file in pieces."""
    for start in range(0, len(PHOTO), PIECE_BYTES):
        yield PHOTO[start : start + PIECE_BYTES]


def check(user: User, answer: httpx.Response) -> None:
    """Compare what the server has read with what was sent."""
    uploaded = answer.raise_for_status().json()
    user.check(uploaded["sha256"] == DIGEST, "uploaded intact")
