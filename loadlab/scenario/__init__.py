"""Scenarios in Python: what a user of the target does, written with httpx, by the thousand on loadlab's own loop.

`User` is what the functions of a scenario are given, and `Shared` what `setup` is.
`WebSocket` is what `user.websocket` opens.
"""

from loadlab.scenario.user import Shared, User
from loadlab.scenario.websocket import WebSocket, WebSocketClosed

__all__ = ["Shared", "User", "WebSocket", "WebSocketClosed"]
