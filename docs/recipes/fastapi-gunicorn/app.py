"""A FastAPI service whose one endpoint computes something: a price list, validated and serialised by pydantic."""

from fastapi import FastAPI
from pydantic import BaseModel


class Price(BaseModel):
    """What one item costs."""

    item: int
    net: float
    gross: float


app = FastAPI()


@app.get("/prices")
async def prices(count: int = 50) -> list[Price]:
    """Return the prices of the first items."""
    return [Price(item=item, net=item / 100, gross=round(item / 100 * 1.19, 2)) for item in range(count)]
