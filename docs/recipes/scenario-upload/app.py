"""A service that takes files: as a form, as browsers send them, and as the body itself. It keeps none."""

import hashlib

from fastapi import FastAPI, Request, UploadFile

app = FastAPI()


@app.post("/forms")
async def take_form(photo: UploadFile) -> dict[str, str | int]:
    """Take a file out of a form; python-multipart parses it, and a large one goes through a temporary file."""
    digest, size = hashlib.sha256(), 0
    while piece := await photo.read(64 * 1024):
        digest.update(piece)
        size += len(piece)
    return {"bytes": size, "sha256": digest.hexdigest()}


@app.put("/files/{name}")
async def take_body(name: str, request: Request) -> dict[str, str | int]:
    """Take a file that is the whole body."""
    digest, size = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        size += len(piece)
    return {"name": name, "bytes": size, "sha256": digest.hexdigest()}
