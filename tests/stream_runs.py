"""Runs of loads that are not HTTP: events that are sent to all subscribers at once, and WebSockets beside idle ones.

The figures are made up, in sizes that a real run has.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.idle import ConnectionMemory, IdleSummary
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import KindResult
from loadlab.results.trial import TrialResult

from .sample_run import WINDOW_SECONDS, summaries, write_run
from .trials import make_trial

Made = tuple[TrialResult, dict[str, Histogram]]

SUBSCRIBERS: Final = (100, 1_000, 5_000, 15_000)
EVERY_NS: Final = 500_000_000
# ns that a server takes to send one event to one subscriber.
SEND_NS: Final = {"coroutine": 9_000.0, "node": 14_000.0}
IDLE: Final = (0, 5_000, 19_000)
# For each server: ns of a round trip, and bytes of the target for each idle WebSocket.
WEBSOCKETS: Final = {"coroutine": (24_000.0, 3_900), "asyncio": (110_000.0, 21_000)}
_WINDOW_NS: Final = WINDOW_SECONDS * 1_000_000_000


def write_broadcast(parent: Path) -> RunDirectory:
    """Two servers that send each event to all subscribers, up to 15,000 of them."""
    profile = {
        "name": "broadcast",
        "about": "How late does an event reach the last of its subscribers?",
        "load": {"protocol": "events", "connections": 100, "path": "/events?every=500ms", "duration": "2s"},
        "sweep": {"target.server": [*SEND_NS], "load.connections": list(SUBSCRIBERS)},
        "plot": {"x": "load.connections", "series": "target.server", "y": "delay_ns.p99"},
    }
    return write_run(parent, "name: broadcast\n", _broadcasts(), profile=profile, verdict="valid")


def write_websockets(parent: Path) -> RunDirectory:
    """Two servers that echo messages beside idle WebSockets, and what these take of memory."""
    profile = {
        "name": "websocket-memory",
        "about": "How many idle WebSockets does a server hold in a GiB?",
        "load": {"protocol": "websocket", "connections": 100, "idle": 0, "duration": "2s"},
        "sweep": {"target.server": [*WEBSOCKETS], "load.idle": list(IDLE)},
        "plot": {"x": "load.idle", "series": "target.server", "y": "connection_memory.bytes_per_connection"},
    }
    return write_run(parent, "name: websocket-memory\n", _websockets(), profile=profile, verdict="valid")


def _broadcasts() -> Iterator[Made]:
    for number, (server, subscribers) in enumerate(product(SEND_NS, SUBSCRIBERS), start=1):
        rng = np.random.default_rng(number)
        events = subscribers * _WINDOW_NS // EVERY_NS
        delay_ns = rng.uniform(0, SEND_NS[server] * subscribers, events) + rng.exponential(80_000, events)
        histograms = _histograms(
            delay=delay_ns,
            client=delay_ns / 3,
            response=EVERY_NS + rng.normal(0, 50_000, events),
            first=rng.uniform(0, EVERY_NS, subscribers),
        )
        yield (
            make_trial(
                id=f"{number:03}",
                factors={"target.server": server, "load.connections": subscribers},
                protocol="events",
                **_figures(events, {"200": subscribers}, histograms),
                received_bytes=80 * events,
                ended=subscribers // 100,
                target=_usage(events, SEND_NS[server]),
                client=_usage(events, 5_000.0),
            ),
            histograms,
        )


def _websockets() -> Iterator[Made]:
    for number, (server, idle) in enumerate(product(WEBSOCKETS, IDLE), start=1):
        rng = np.random.default_rng(number)
        each_ns, target_bytes = WEBSOCKETS[server]
        round_trips = int(_WINDOW_NS / each_ns)
        histograms = _histograms(
            response=100 * each_ns * rng.lognormal(-0.02, 0.2, round_trips),
            upgrade=rng.exponential(300_000, 200),
        )
        yield (
            make_trial(
                id=f"{number:03}",
                factors={"target.server": server, "load.idle": idle},
                protocol="websocket",
                **_figures(round_trips, {"1011": 2} if server == "asyncio" else {}, histograms),
                pings=100,
                idle=_idle(idle) if idle else None,
                connection_memory=_memory(idle, target_bytes) if idle else None,
                target=_usage(round_trips, each_ns),
                client=_usage(round_trips, 9_000.0),
            ),
            histograms,
        )


def of_kinds(trial: TrialResult) -> TrialResult:
    """The same trial with messages of two kinds."""
    kinds = [
        KindResult(
            name=name,
            requests=trial.requests // 2,
            requests_per_second=(trial.requests_per_second or 0.0) / 2,
            outcomes={"ok": trial.requests // 2},
            response_ns=trial.response_ns,
            service_ns=trial.service_ns,
        )
        for name in ("ping", "{join}")
    ]
    return trial.model_copy(update={"kinds": kinds})


def _histograms(**times_ns: Any) -> dict[str, Histogram]:  # noqa: ANN401 - arrays of any numbers
    histograms = {name: Histogram() for name in times_ns}
    for name, values in times_ns.items():
        histograms[name].fold(values.clip(1).astype(int))
    return histograms


def _figures(number: int, statuses: dict[str, int], histograms: dict[str, Histogram]) -> dict[str, Any]:
    return {
        "window_ns": _WINDOW_NS,
        "requests": number,
        "requests_per_second": number / WINDOW_SECONDS,
        "load_model": "closed",
        "outcomes": {"ok": number},
        "statuses": statuses,
        **summaries(histograms),
    }


def _idle(number: int) -> IdleSummary:
    return IdleSummary(
        wanted=number,
        opened=number,
        alive_at_start=number,
        alive=number,
        open_seconds=number / 5_000,
        holders=1,
        protocol="websocket",
        pings=3 * number,
    )


def _memory(number: int, target_bytes: int) -> ConnectionMemory:
    kernel, client = 6_300, 240
    return ConnectionMemory(
        connections=number,
        kernel_bytes=kernel * number,
        target_bytes=target_bytes * number,
        client_bytes=client * number,
        bytes_per_connection=kernel + target_bytes + client,
    )


def _usage(number: int, each_ns: float) -> ProcessUsage:
    return ProcessUsage(
        processes=1,
        threads=1,
        rss_bytes=18_350_080,
        cpu_user_ns=int(number * each_ns / 4),
        cpu_system_ns=int(number * each_ns * 3 / 4),
        context_switches=number // 40,
        window_ns=_WINDOW_NS,
        cpu_ns_per_request=each_ns,
        cpu_user_ns_per_request=each_ns / 4,
        cpu_system_ns_per_request=each_ns * 3 / 4,
        context_switches_per_request=0.025,
    )
