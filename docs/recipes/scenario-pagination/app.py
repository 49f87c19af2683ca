"""A paginated API over 200,000 orders in SQLite: each page says where the next one is, by offset or by the last id."""

import sqlite3

from fastapi import FastAPI

ORDERS = 200_000
PER_PAGE = 20

database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, cents INTEGER)")
database.executemany(
    "INSERT INTO orders VALUES (?, ?, ?)",
    ((number, f"customer {number % 977}", number % 10_000) for number in range(1, ORDERS + 1)),
)
app = FastAPI()


@app.get("/by-offset")
async def by_offset(offset: int = 0) -> dict[str, object]:
    """Skip so many orders, and return a page of those that follow."""
    rows = database.execute("SELECT * FROM orders ORDER BY id LIMIT ? OFFSET ?", (PER_PAGE, offset)).fetchall()
    following = offset + PER_PAGE
    return {"orders": rows, "next": f"/by-offset?offset={following}" if following < ORDERS else None}


@app.get("/by-cursor")
async def by_cursor(after: int = 0) -> dict[str, object]:
    """Return a page of the orders behind the one with this id."""
    rows = database.execute("SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT ?", (after, PER_PAGE)).fetchall()
    following = rows[-1][0] if rows else ORDERS
    return {"orders": rows, "next": f"/by-cursor?after={following}" if following < ORDERS else None}
