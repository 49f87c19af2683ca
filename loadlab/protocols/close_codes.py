"""What the codes are called that WebSockets are closed with. run.json counts them among the statuses of HTTP.

The names are those of IANA's WebSocket Close Code Number Registry (RFC 6455, section 7.4).
"""

from collections.abc import Mapping
from typing import Final

from loadlab.protocols.websocket_frames import NO_STATUS

_LEAST: Final = 1000
_REGISTERED: Final = range(3000, 4000)
_PRIVATE: Final = range(4000, 5000)


def is_close_code(status: str) -> bool:
    """Return whether a status is the code that a WebSocket was closed with, and not one of HTTP."""
    return status.isdigit() and int(status) >= _LEAST


def name_of_status(status: str) -> str:
    """Return a close code with its name, `1011 internal error`; a status of HTTP as it is."""
    if not is_close_code(status):
        return status
    return f"{status} {name_of_close_code(int(status))}".rstrip()


def name_of_close_code(code: int) -> str:
    """Return what a close code is called; empty for one that nobody has given a name."""
    return _NAMES.get(code) or ("private use" if code in _PRIVATE else "registered" if code in _REGISTERED else "")


def explain_close(code: int, reason: str) -> str:
    """Return in words that a server has closed a WebSocket with a code and a reason."""
    if code == NO_STATUS:
        return "the server closed the WebSocket without a code"
    name = name_of_close_code(code)
    meaning = f" ({name})" if name else ""
    return f"the server closed the WebSocket with code {int(code)}{meaning}" + (f": {reason}" if reason else "")


_NAMES: Final[Mapping[int, str]] = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no code given",
    1006: "abnormal closure",
    1007: "invalid payload",
    1008: "policy violation",
    1009: "message too big",
    1010: "extension missing",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS handshake failed",
    3000: "unauthorized",
    3003: "forbidden",
    3008: "timeout",
}
