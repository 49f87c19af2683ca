"""Runs of the other profiles: many servers at once, a mix of requests, slow senders, an open load, a million idle
connections, and the two microbenchmarks.

The figures are made up, in sizes that a real run has.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.idle import ConnectionMemory
from loadlab.results.laws import Law
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import KindResult, LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict

from .sample_run import IDLE, WINDOW_SECONDS, fold_parts, refused_trial, summaries, summarise, write_run

Made = tuple[TrialResult, dict[str, Histogram]]

# For each server: ns for a request, ns more for each idle connection, memory at first, bytes for each idle connection.
CROWD: Final = {
    "fork": (90_000.0, 0.5, 23e6, 430_000.0),
    "thread": (64_000.0, 0.3, 20e6, 22_000.0),
    "select": (49_500.0, 72.0, 18e6, 500.0),
    "poll": (50_200.0, 56.0, 18e6, 500.0),
    "epoll": (47_000.0, 0.03, 18e6, 500.0),
    "epoll-threads": (82_000.0, 0.05, 19e6, 500.0),
    "epoll-processes": (99_000.0, 0.05, 60e6, 500.0),
    "callback": (53_000.0, 0.04, 18e6, 600.0),
    "coroutine": (58_000.0, 0.04, 18e6, 2_400.0),
    "asyncio": (118_000.0, 0.1, 26e6, 3_600.0),
    "uvloop": (61_000.0, 0.05, 31e6, 2_100.0),
    "node": (0.0, 0.0, 0.0, 0.0),
    "nginx": (9_000.0, 0.01, 8e6, 300.0),
}
NODE_MISSING: Final = "node is not installed; apt-get install nodejs"


def write_crowd(parent: Path) -> RunDirectory:
    """Thirteen servers over idle connections: one not installed, one that cannot hold so many."""
    profile = {
        "name": "select-vs-epoll",
        "about": "Throughput and latency of every event loop as idle connections pile up.",
        "sweep": {"target.server": [*CROWD], "load.idle": list(IDLE)},
        "plot": {"x": "load.idle", "series": "target.server"},
    }
    laws = [_cpu_law(server, each_ns, idle_ns) for server, (each_ns, idle_ns, *_) in CROWD.items() if each_ns]
    return write_run(parent, "name: select-vs-epoll\n", _crowd_trials(), profile=profile, laws=laws, verdict="valid")


def write_mix(parent: Path) -> RunDirectory:
    """A coroutine server with and without a blocking call, under fast requests with a few slow ones among them."""
    profile = {
        "name": "blocking-coroutine",
        "about": "One blocking call in a coroutine server stalls everyone.",
        "sweep": {"target.blocking": [False, True], "load.connections": [4, 16, 64]},
        "plot": {"x": "load.connections", "series": "target.blocking", "y": "kinds.hello.response_ns.p99"},
    }
    return write_run(parent, "name: blocking-coroutine\n", _mixed_trials(), profile=profile, verdict="valid")


def write_slow_senders(parent: Path) -> RunDirectory:
    """Slow senders, from none, beside one kind of request."""
    profile = {
        "name": "slow-senders",
        "about": "Requests that arrive a byte at a time.",
        "sweep": {"target.read": ["event", "blocking"], "load.slow_connections": [0, 2, 8]},
        "plot": {"x": "load.slow_connections", "series": "target.read"},
    }
    return write_run(parent, "name: slow-senders\n", _slow_trials(), profile=profile, verdict="valid")


def write_open(parent: Path) -> RunDirectory:
    """An open load on two servers, up to rates that one cannot carry, and that the load itself hardly can."""
    profile = {
        "name": "open-rate",
        "about": "Response and service time as the rate of an open load rises.",
        "load": {"connections": 64, "rate": 1000, "arrivals": "poisson", "duration": "2s"},
        "sweep": {"target.server": ["epoll", "asyncio"], "load.rate": list(RATES)},
        "plot": {"x": "load.rate", "series": "target.server"},
    }
    return write_run(parent, "name: open-rate\n", _open_trials(), profile=profile, verdict="suspect")


def write_million(parent: Path) -> RunDirectory:
    """One server under idle connections up to a million, with what they take of the machine's memory."""
    profile = {
        "name": "c1m",
        "about": "A million idle connections beside a thousand active ones.",
        "load": {"connections": 1000, "idle": 0, "duration": "2s"},
        "sweep": {"load.idle": list(IDLE_STEPS)},
        "plot": {"x": "load.idle"},
    }
    return write_run(parent, "name: c1m\n", _million_trials(), profile=profile, verdict="valid")


def write_wait_cost(parent: Path) -> RunDirectory:
    """The time of a waiting call over n descriptors."""
    profile = {
        "name": "wait-cost",
        "about": "What one call of select, poll and epoll costs with one of n descriptors ready, without a network.",
        "kind": "wait-cost",
        "wait": {"method": "epoll", "descriptors": 1000, "channel": "eventfd", "active": 1, "writes": 0, "calls": 2000},
        "sweep": {"wait.method": ["select", "poll", "epoll"], "wait.descriptors": list(DESCRIPTORS)},
        "plot": {"x": "wait.descriptors", "series": "wait.method"},
    }
    laws = [
        Law(metric="cost_ns", over="wait.descriptors", where={"wait.method": method}, intercept=900.0, slope=slope,
            slope_interval=(slope * 0.98, slope * 1.02), exponent=0.9, text=text)
        for method, slope, text in (
            ("select", 86.0, "select: each descriptor adds 86 ns (95 %: 84.3 ns to 87.7 ns)"),
            ("poll", 85.0, "poll: each descriptor adds 85 ns (95 %: 83.3 ns to 86.7 ns)"),
            ("epoll", 0.0, "epoll: does not depend on the number of descriptors"),
        )
    ]  # fmt: skip
    return write_run(parent, "name: wait-cost\n", _wait_trials(), profile=profile, laws=laws, verdict="valid")


def write_switch_cost(parent: Path) -> RunDirectory:
    """The time of a switch, and the memory, of six units of execution."""
    profile = {
        "name": "switch-cost",
        "about": "What it costs to pass control on, and to keep a unit of execution alive, from a call to a process.",
        "kind": "switch-cost",
        "switch": {"unit": "call", "count": 200},
        "sweep": {"switch.unit": [*UNITS]},
        "plot": {"x": "switch.unit"},
    }
    return write_run(parent, "name: switch-cost\n", _switch_trials(), profile=profile, verdict="valid")


RATES: Final = (500, 4_000, 12_000, 24_000)
IDLE_STEPS: Final = (0, 10_000, 100_000, 300_000, 1_000_000)
DESCRIPTORS: Final = (10, 100, 1000, 5000, 10_000, 19_000)
UNITS: Final = {
    "call": (41.0, 520.0),
    "generator": (46.0, 440.0),
    "bare-coroutine": (52.0, 450.0),
    "coroutine": (610.0, 1_650.0),
    "thread": (5_200.0, 22_300.0),
    "process": (7_900.0, 812_000.0),
}


def _crowd_trials() -> Iterator[Made]:
    for number, (server, idle) in enumerate(product(CROWD, IDLE), start=1):
        each_ns, idle_ns, memory, idle_bytes = CROWD[server]
        if server == "node":
            refused = refused_trial(f"{number:03}", server, idle)
            yield refused.model_copy(update={"reason": NODE_MISSING}), {}
        elif server == "fork" and idle > 1000:
            refused = refused_trial(f"{number:03}", server, idle)
            yield refused.model_copy(update={"reason": f"fork holds at most 2,000 connections here, not {idle}."}), {}
        else:
            trial, histograms = _made(number, {"target.server": server, "load.idle": idle}, each_ns + idle * idle_ns)
            switches = 1.0 if server in ("fork", "thread") else 0.002
            yield _with_usage(trial, int(memory + idle * idle_bytes), switches), histograms


def _mixed_trials() -> Iterator[Made]:
    for number, (blocking, connections) in enumerate(product((False, True), (4, 16, 64)), start=1):
        stalled_ns = 50_000_000 if blocking else 0
        fast = _response(2000, connections * 60_000, stalled_ns, 0.1)
        slow = _response(60, 50_000_000 + connections * 60_000, stalled_ns, 0.3)
        factors = {"target.blocking": blocking, "load.connections": connections}
        trial, _ = _made(number, factors, 60_000 + stalled_ns / 200)
        both = Histogram()
        both.merge(fast)
        both.merge(slow)
        kinds = [_kind("hello", fast), _kind("slow", slow)]
        yield (
            trial.model_copy(update={"kinds": kinds, "response_ns": summarise(both)}),
            {"response": both, "response/hello": fast, "response/slow": slow},
        )


def _slow_trials() -> Iterator[Made]:
    for number, (read, senders) in enumerate(product(("event", "blocking"), (0, 2, 8)), start=1):
        stalled_ns = 90_000_000 if senders and read == "blocking" else 0
        response = _response(2000, 800_000, stalled_ns, 0.5)
        trial, histograms = _made(number, {"target.read": read, "load.slow_connections": senders}, 50_000.0)
        kinds = [_kind("hello", response), _kind("slow-senders", _response(40, 190_000_000, stalled_ns, 0.5))]
        yield (
            trial.model_copy(update={"kinds": kinds if senders else [], "response_ns": summarise(response)}),
            histograms | {"response": response},
        )


def _open_trials() -> Iterator[Made]:
    each_ns = {"epoll": 30_000.0, "asyncio": 60_000.0}
    for number, (server, rate) in enumerate(product(each_ns, RATES), start=1):
        factors = {"target.server": server, "load.rate": rate}
        answered = min(rate, int(1e9 / each_ns[server]))
        yield _open_trial(number, factors, each_ns[server], rate, answered)


def _open_trial(number: int, factors: dict[str, Any], each_ns: float, rate: int, answered: int) -> Made:
    """A server that answers at most so many requests per second; what is due beyond that waits, or is never sent."""
    rng = np.random.default_rng([number, rate])
    requests, behind = answered * WINDOW_SECONDS, 1 - answered / rate
    # Once the schedule is ahead of the server the wait grows over the whole window.
    waited_ns = np.linspace(0, behind * WINDOW_SECONDS * 1e9, requests)
    histograms = fold_parts(
        lateness_ns=waited_ns + rng.exponential(2_000, requests),
        service_ns=each_ns * rng.lognormal(0, 0.3, requests) + 10_000,
        dispatch_ns=rng.exponential(2_000, requests),
    )
    trial, _ = _made(number, factors, each_ns)
    late = Finding(
        code="client_bound",
        severity="suspect",
        text="The client was the bottleneck, not the target: the target's throughput is at least this figure.",
        evidence="40.0% of the schedule never sent",
        advice="Give the load more workers and cores, or the target fewer.",
    )
    unsent = (rate - answered) * WINDOW_SECONDS
    changes = {
        "verdict": Verdict(state="suspect", findings=[late]) if unsent else Verdict(state="valid"),
        "load_model": "open",
        "requests": requests,
        "requests_per_second": float(answered),
        "offered_per_second": float(rate),
        "outcomes": {"ok": requests, "cut": 64 if unsent else 0, "dropped": unsent},
        **summaries(histograms),
    }
    return trial.model_copy(update=changes), histograms


def _million_trials() -> Iterator[Made]:
    for number, idle in enumerate(IDLE_STEPS, start=1):
        trial, histograms = _made(number, {"load.idle": idle}, 30_000.0 + idle * 0.003)
        memory = ConnectionMemory(
            connections=idle,
            kernel_bytes=6_300 * idle,
            target_bytes=500 * idle,
            client_bytes=250 * idle,
            bytes_per_connection=7_050.0,
        )
        changes = {"load_model": "closed", "connection_memory": memory if idle else None}
        yield trial.model_copy(update=changes), histograms


def _wait_trials() -> Iterator[Made]:
    each_ns = {"select": 86.0, "poll": 85.0, "epoll": 0.002}
    for number, (method, descriptors) in enumerate(product(each_ns, DESCRIPTORS), start=1):
        cost_ns = 900 + each_ns[method] * descriptors
        yield (
            _micro(
                number,
                {"wait.method": method, "wait.descriptors": descriptors},
                cost_ns=cost_ns,
                cost_ns_min=0.97 * cost_ns,
                overhead_ns=610.0,
                operation_ns=cost_ns + 1_800,
            ),
            {},
        )


def _switch_trials() -> Iterator[Made]:
    for number, (unit, (cost_ns, size_bytes)) in enumerate(UNITS.items(), start=1):
        figures = {"cost_ns": cost_ns, "cost_ns_min": 0.98 * cost_ns, "overhead_ns": 14.0}
        yield _micro(number, {"switch.unit": unit}, bytes_per_unit=size_bytes, **figures), {}


def _micro(number: int, factors: dict[str, Any], **figures: float) -> TrialResult:
    return TrialResult(
        id=f"{number:03}",
        repeat=1,
        factors=factors,
        state="done",
        verdict=Verdict(state="valid"),
        placement={"load": [1]},
        **figures,
    )


def _made(number: int, factors: dict[str, Any], each_ns: float) -> Made:
    requests = int(WINDOW_SECONDS * 1e9 / each_ns)
    response = _response(max(2000, requests // 20), 16 * each_ns, 0, 0.0)
    summary = summarise(response)
    trial = TrialResult(
        id=f"{number:03}",
        repeat=1,
        factors=factors,
        state="done",
        verdict=Verdict(state="valid"),
        window_ns=WINDOW_SECONDS * 1_000_000_000,
        requests=requests,
        requests_per_second=requests / WINDOW_SECONDS,
        outcomes={"ok": requests, "cut": 16},
        response_ns=summary,
        service_ns=summary,
        target=ProcessUsage(
            processes=1,
            threads=1,
            rss_bytes=24_000_000,
            pss_bytes=18_000_000,
            cpu_user_ns=int(0.3 * each_ns * requests),
            cpu_system_ns=int(0.7 * each_ns * requests),
            context_switches=requests // 500,
            window_ns=WINDOW_SECONDS * 1_000_000_000,
            cpu_ns_per_request=each_ns,
            cpu_user_ns_per_request=0.3 * each_ns,
            cpu_system_ns_per_request=0.7 * each_ns,
            context_switches_per_request=0.002,
        ),
        placement={"target": [0], "load": [1]},
    )
    return trial, {"response": response}


def _with_usage(trial: TrialResult, pss_bytes: int, switches: float) -> TrialResult:
    assert trial.target is not None
    usage = trial.target.model_copy(update={"pss_bytes": pss_bytes, "context_switches_per_request": switches})
    return trial.model_copy(update={"target": usage})


def _kind(name: str, response: Histogram) -> KindResult:
    summary: LatencySummary = summarise(response)
    return KindResult(
        name=name,
        requests=response.count,
        requests_per_second=response.count / WINDOW_SECONDS,
        outcomes={"ok": response.count, "timeout": 0},
        response_ns=summary,
        service_ns=summary,
    )


def _response(count: int, typical_ns: float, stalled_ns: float, stalled_share: float) -> Histogram:
    """Response times around `typical_ns`, of which some share has to wait `stalled_ns` more."""
    rng = np.random.default_rng([count, int(typical_ns)])
    values = typical_ns * rng.lognormal(-0.02, 0.2, count) + stalled_ns * (rng.random(count) < stalled_share)
    histogram = Histogram()
    histogram.fold(values.astype(int).tolist())
    return histogram


def _cpu_law(server: str, each_ns: float, idle_ns: float) -> Law:
    text = f"{server}: each idle connection adds {idle_ns:.3g} ns (95 %: {idle_ns:.3g} ns to {idle_ns:.3g} ns)"
    if idle_ns < 1:
        text = f"{server}: does not depend on the number of idle connections"
    return Law(
        metric="target.cpu_ns_per_request",
        over="load.idle",
        where={"target.server": server},
        intercept=each_ns,
        slope=idle_ns,
        slope_interval=(idle_ns, idle_ns),
        exponent=None,
        text=text,
    )
