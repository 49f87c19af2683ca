"""What each way for a request to fail is called, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


def name_of_failure(outcome: str) -> str:
    """Return what a failure is called within a sentence; its outcome if it has no other name."""
    return _FAILURES[outcome].name if outcome in _FAILURES else outcome.replace("_", " ")


def advice_on(outcome: str) -> str:
    """Return what to do about a failure, in whole sentences; empty where there is nothing to say."""
    return _FAILURES[outcome].advice if outcome in _FAILURES else ""


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a failure is called, and what to do about it."""

    name: str
    advice: str


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
