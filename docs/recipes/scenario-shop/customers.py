"""Customers of a shop: most only look, some compare, one in seven orders."""

from loadlab.scenario import User


async def visit(user: User) -> None:
    """One customer's visit, of a kind that is drawn by weight."""
    (kind,) = user.random.choices((look, compare, order), weights=(65, 20, 15))
    await kind(user)


async def look(user: User) -> None:
    """Look at a page of items, and at one of them."""
    async with user.step("look"):
        item = await pick(user)
        await user.http.get(f"/items/{item}")


async def compare(user: User) -> None:
    """Open several items at once, as a browser does with tabs."""
    async with user.step("compare"):
        first = await pick(user)
        async with user.group() as tabs:
            opened = [tabs.start(user.http.get(f"/items/{1 + (first + more) % 200}")) for more in range(4)]
        user.check(all(tab.result.status_code == 200 for tab in opened), "all tabs loaded")


async def order(user: User) -> None:
    """Log in, order, and read the confirmation."""
    async with user.step("order"):
        login = await user.http.post("/login", json={"name": user.data["name"]})
        bearer = {"Authorization": f"Bearer {login.raise_for_status().json()['token']}"}
        item = await pick(user)
        await user.sleep(0.05, 0.2)
        placed = await user.http.post("/orders", json={"item": item}, headers=bearer)
        if user.check(placed.status_code == 201, "order accepted"):
            await user.http.get(placed.headers["Location"])


async def pick(user: User) -> int:
    """Return the number of an item from a page that is drawn at random."""
    page = await user.http.get("/items", params={"page": user.random.randint(1, 10)})
    return int(user.random.choice(page.raise_for_status().json()["items"])["id"])
