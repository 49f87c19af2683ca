"""Customers of the bundled shop: each logs in, looks around, hesitates, and orders."""

from loadlab.scenario import User


async def checkout(user: User) -> None:
    """One customer, from the log-in to the order."""
    async with user.step("log in"):
        answer = await user.http.post("/login", json={"name": f"customer {user.number}"})
        user.http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
    async with user.step("browse"):
        page = await user.http.get("/items", params={"page": user.random.randint(1, 10)})
        item = user.random.choice(page.raise_for_status().json()["items"])
        await user.http.get(f"/items/{item['id']}")
    await user.sleep(0.2, 0.5)
    async with user.step("order"):
        order = await user.http.post("/orders", json={"item": item["id"], "quantity": 2})
        user.check(order.status_code == 201, "order accepted")
        confirmed = await user.http.get(order.headers["Location"])
        user.check(confirmed.json()["cents"] == 2 * item["cents"], "right total")
