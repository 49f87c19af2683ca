"""The scenario of benchmarks/scenario.py: ten requests, one after the other."""

from loadlab.scenario import User


async def ask(user: User) -> None:
    """Ask ten times."""
    for _ in range(10):
        await user.http.get("/hello")
