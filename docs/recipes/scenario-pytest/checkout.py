"""A customer of the shop: log in, browse, order."""

from loadlab.scenario import User


async def checkout(user: User) -> None:
    """One customer, from the log-in to the order."""
    answer = await user.http.post("/login", json={"name": f"customer {user.number}"})
    user.http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
    async with user.step("browse"):
        page = await user.http.get("/items", params={"page": user.random.randint(1, 10)})
        item = user.random.choice(page.raise_for_status().json()["items"])["id"]
        await user.http.get(f"/items/{item}")
    await user.sleep(0.02, 0.05)
    async with user.step("order"):
        order = await user.http.post("/orders", json={"item": item})
    user.check(order.status_code == 201, "order accepted")
