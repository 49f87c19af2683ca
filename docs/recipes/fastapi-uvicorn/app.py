"""A small FastAPI service: items are read and added, in memory."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel


class Item(BaseModel):
    """An item as clients send it."""

    name: str
    price: float
    tags: list[str] = []


app = FastAPI()
items = {number: Item(name=f"item {number}", price=number / 100) for number in range(1000)}


@app.get("/items/{number}")
async def read(number: int) -> Item:
    """Return one item."""
    if number not in items:
        raise HTTPException(404)
    return items[number]


@app.post("/items", status_code=201)
async def add(item: Item) -> Item:
    """Replace an item, so that their number stays the same however long the load lasts."""
    items[hash(item.name) % 1000] = item
    return item
