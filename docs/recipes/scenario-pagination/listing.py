"""Reading a paginated API: from page to page by `next`, at the beginning of a long list and at its end."""

from loadlab.scenario import User

PAGES = 5


async def by_offset(user: User) -> None:
    """Read pages that are found by the number of rows before them."""
    await read(user, "first pages", "/by-offset?offset=0")
    await read(user, "last pages", "/by-offset?offset=199900")


async def by_cursor(user: User) -> None:
    """Read pages that are found by the id of the last row before them."""
    await read(user, "first pages", "/by-cursor?after=0")
    await read(user, "last pages", "/by-cursor?after=199900")


async def read(user: User, step: str, following: str | None) -> None:
    """Follow `next` for some pages; at the end of the list there is none."""
    async with user.step(step):
        seen: list[int] = []
        for _ in range(PAGES):
            if following is None:
                break
            page = (await user.http.get(following)).raise_for_status().json()
            seen += [order[0] for order in page["orders"]]
            following = page["next"]
    user.check(seen == list(range(seen[0], seen[0] + 100)), "no order missing or twice")
