"""A visit: log in with the name and password of a row of users.csv, work with the token, log out."""

from loadlab.scenario import User


async def visit(user: User) -> None:
    """One visit; each user has a row of the file."""
    async with user.step("log in"):
        credentials = {"name": user.data["name"], "password": user.data["password"]}
        answer = await user.http.post("/login", json=credentials)
        token = answer.raise_for_status().json()["token"]
    user.http.headers["Authorization"] = f"Bearer {token}"

    async with user.step("work"):
        for _ in range(5):
            answer = await user.http.get("/me")
            user.check(answer.json() == {"name": user.data["name"]}, "it is me")

    await user.http.post("/logout")
    del user.http.headers["Authorization"]
