"""A guest of the chat: a ticket by HTTP, a WebSocket with it, a few messages, and good-bye."""

from loadlab.scenario import User

MESSAGES = 5


async def talk(user: User) -> None:
    """One conversation."""
    name = f"guest {user.number}"
    async with user.step("join"):
        answer = await user.http.post("/tickets", json={"name": name})
        chat = await user.websocket(f"/chat?ticket={answer.raise_for_status().json()['ticket']}")
        welcome = await chat.receive()
    user.check(welcome == f"welcome, {name}", "welcomed by name")

    async with chat:  # closed at its end
        for number in range(MESSAGES):
            async with user.step("message"):
                await chat.send(f"message {number}")
                answered = await chat.receive()
            user.check(answered == f"{name}: message {number}", "message came back")
            await user.sleep(0.01, 0.05)
