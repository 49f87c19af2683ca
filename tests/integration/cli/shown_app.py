"""An application whose answers are compressed, streamed, and followed by a WebSocket."""

from fastapi import FastAPI, Response, UploadFile, WebSocket
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect

app = FastAPI()
app.add_middleware(GZipMiddleware, minimum_size=50)


@app.get("/packed")
def packed() -> dict[str, str]:
    return {"text": "hello " * 10}


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, int]:
    return {"size": len(await file.read())}


@app.get("/lines")
def lines() -> StreamingResponse:
    return StreamingResponse((f"line {number}\n" for number in range(3)), media_type="text/plain")


@app.get("/session")
def session(response: Response) -> dict[str, bool]:
    response.set_cookie("session", "abcdefghijklmnop")
    return {"ok": True}


@app.websocket("/chat")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(f"echo {await websocket.receive_text()}")
    except WebSocketDisconnect:
        return
