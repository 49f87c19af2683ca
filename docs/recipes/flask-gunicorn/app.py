"""The smallest Flask service that is worth asking."""

from flask import Flask

app = Flask(__name__)


@app.get("/items/<int:number>")
def read(number: int) -> dict[str, object]:
    """Return one item."""
    return {"number": number, "name": f"item {number}"}
