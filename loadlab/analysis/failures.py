"""What each way for a request to fail is called, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from loadlab.results.trial import LoadProtocol


def name_of_failure(outcome: str, protocol: LoadProtocol = "http") -> str:
    """Return what a failure is called within a sentence; its outcome if it has no other name."""
    found = _find(outcome, protocol)
    return found.name if found else outcome.replace("_", " ")


def advice_on(outcome: str, protocol: LoadProtocol = "http") -> str:
    """Return what to do about a failure, in whole sentences; empty where there is nothing to say."""
    found = _find(outcome, protocol)
    return found.advice if found else ""


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a failure is called, and what to do about it."""

    name: str
    advice: str


def _find(outcome: str, protocol: LoadProtocol) -> "_Failure | None":
    return _BY_PROTOCOL.get(protocol, {}).get(outcome) or _FAILURES.get(outcome)


_FAILURES: Final[Mapping[str, _Failure]] = MappingProxyType(
    {
        "status": _Failure(
            "unexpected status",
            "Look at what the target answers (curl -i) and correct the path, or set expect_status if that is right.",
        ),
        "unexpected": _Failure(
            "unexpected header or body",
            "Compare what came, as in the sample of the failure, with what the request expects (expect).",
        ),
        "script_error": _Failure(
            "script error",
            "Read its traceback in the sample of the failure, and try the scenario with loadlab run --one.",
        ),
        "refused": _Failure(
            "connection refused",
            "Check that the target listens at this address, and in its log whether it stopped or restarted.",
        ),
        "connect_timeout": _Failure(
            "connect timeout",
            "Let the target accept faster or lengthen its listen queue (its backlog and net.core.somaxconn); "
            "a firewall that drops packets looks the same.",
        ),
        "timeout": _Failure(
            "timeout",
            "Lower the load until the target answers in time, or raise load.timeout if responses may take longer.",
        ),
        "reset": _Failure(
            "connection reset",
            "Look in the target's log for why it ended connections: a crash, or a limit on connections or requests.",
        ),
        "closed_early": _Failure(
            "connection closed before the response was complete",
            "Look in the target's log for why it closed connections: a crash, a timeout of its own, "
            "or a limit on requests per connection.",
        ),
        "malformed": _Failure(
            "malformed response",
            "Check that this is an HTTP/1.1 server, over TLS only if target.tls says so; look at what it sends "
            "(curl -v).",
        ),
        "tls": _Failure(
            "TLS failed",
            "The sample of the failure says why. A CA of your own is named by target.tls.ca, a name that differs from "
            "the address by target.tls.server_name; the target's log has its side of it.",
        ),
        "too_large": _Failure("response too large", "Request something smaller."),
        "no_file_descriptor": _Failure(
            "no file descriptor left", "Raise the client's limit of open files, or open fewer connections."
        ),
        "no_local_port": _Failure(
            "no local port left", "Widen net.ipv4.ip_local_port_range, or open fewer connections."
        ),
        "no_memory": _Failure("kernel out of socket memory", "Raise net.ipv4.tcp_mem, or open fewer connections."),
        "unreachable": _Failure(
            "network unreachable", "Check the route to the target (ip route get ADDRESS) and the firewalls on it."
        ),
    }
)
_ON_ANSWERS: Final = (
    "Lower the load until the target answers in time, raise load.timeout if answers may take longer, or correct how "
    "the end of an answer is known ({how})."
)
# What other protocols than HTTP call differently.
_BY_PROTOCOL: Final[Mapping[LoadProtocol, Mapping[str, _Failure]]] = MappingProxyType(
    {
        "websocket": {
            "status": _Failure(
                "WebSocket refused",
                "Correct the path (load.path), or give the handshake what the server asks for, such as a header, a "
                "cookie or a subprotocol (load.request.headers, load.subprotocol).",
            ),
            "timeout": _Failure("timeout", _ON_ANSWERS.format(how="message.answer or message.matches")),
            "closed_early": _Failure(
                "WebSocket closed before the answer was complete",
                "Look in the target's log for why it closes WebSockets; statuses counts the codes that it gives.",
            ),
            "malformed": _Failure(
                "malformed handshake or frame",
                "Check that the path speaks WebSocket, over TLS only if target.tls says so. If it does, the server "
                "breaks RFC 6455; the sample of the failure says how.",
            ),
            "too_large": _Failure("message too large", "Ask for shorter messages."),
        },
        "tcp": {
            "timeout": _Failure("timeout", _ON_ANSWERS.format(how="message.until, message.bytes or message.echo")),
            "closed_early": _Failure(
                "connection closed before the answer was complete",
                "Look in the target's log for why it closed connections, and check that the message is complete, such "
                "as its line break at the end.",
            ),
            "malformed": _Failure(
                "unexpected answer", "Compare what came, as in the sample of the failure, with what was sent."
            ),
            "too_large": _Failure(
                "answer too large", "Correct how the end of an answer is known (message.until, message.bytes)."
            ),
        },
        "events": {
            "timeout": _Failure(
                "no event in time",
                "Check that this path sends events (curl -N), and raise load.timeout if they may be further apart.",
            ),
            "closed_early": _Failure(
                "stream ended within an event",
                "Look in the target's log for why it closed connections, and for a proxy in between that limits how "
                "long a response may take.",
            ),
            "malformed": _Failure(
                "malformed stream",
                "Look at what the target sends (curl -Nv); the sample of the failure says what is wrong.",
            ),
            "too_large": _Failure("event too large", "Ask for shorter events."),
        },
    }
)
