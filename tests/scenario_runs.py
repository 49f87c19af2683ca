"""Runs of a scenario in Python, a shop's checkout: a single trial, over users, over rates, and of two servers.

The figures are made up, in sizes that a real run has.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import BlockingCode, CheckResult, FailureSample, KindLevel, KindResult
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict

from .sample_run import WINDOW_SECONDS, summarise, write_run
from .trials import make_trial

Made = tuple[TrialResult, dict[str, Histogram]]

USERS: Final = (10, 50, 100, 200)
RATES: Final = (50, 100, 200)
TRACEBACK: Final = """\
shop.py:14 in checkout
    total = sum(item["price"] for item in items["<items>"])
KeyError: '<items>'"""
# ns that each request takes without others, the step that it is in, and by how much it grows with each user.
REQUESTS: Final = {
    "POST /login": (2_000_000, "", 0.0),
    "GET /items": (1_000_000, "browse", 0.001),
    "GET /items/{id}": (1_500_000, "browse", 0.001),
    "POST /orders": (5_000_000, "pay", 0.08),
}
PAUSE_NS: Final = 100_000_000
_WINDOW_NS: Final = WINDOW_SECONDS * 1_000_000_000


def write_shop(parent: Path) -> RunDirectory:
    """One trial of 50 users, with errors of the scenario's own, a check that fails, and a line that blocks."""
    profile = {
        "name": "shop",
        "about": "How many customers can check out at once?",
        "target": {"server": "shop"},
        "load": {"scenario": "shop.py:checkout", "connections": 50, "duration": "2s"},
    }
    trial, histograms = _shop(1, {}, users=50)
    return write_run(parent, "name: shop\n", [(_troubled(trial), histograms)], profile=profile, verdict="suspect")


def write_shop_users(parent: Path) -> RunDirectory:
    """A growing number of users, which one step of the scenario suffers from."""
    profile = {
        "name": "shop-users",
        "about": "Which step slows down as users are added?",
        "target": {"server": "shop"},
        "load": {"scenario": "shop.py:checkout", "connections": 10, "duration": "2s"},
        "sweep": {"load.connections": list(USERS)},
    }
    trials = [_shop(number, {"load.connections": users}, users) for number, users in enumerate(USERS, start=1)]
    return write_run(parent, "name: shop-users\n", trials, profile=profile, verdict="valid")


def write_shop_servers(parent: Path) -> RunDirectory:
    """The same with two servers."""
    profile = {
        "name": "shop-servers",
        "load": {"scenario": "shop.py:checkout", "connections": 10, "duration": "2s"},
        "sweep": {"target.server": ["shop", "asyncio"], "load.connections": list(USERS)},
    }
    made = product(("shop", "asyncio"), USERS)
    trials = [
        _shop(number, {"target.server": server, "load.connections": users}, users, 2.0 if server == "asyncio" else 1.0)
        for number, (server, users) in enumerate(made, start=1)
    ]
    return write_run(parent, "name: shop-servers\n", trials, profile=profile, verdict="valid")


def write_shop_rates(parent: Path) -> RunDirectory:
    """Iterations that are due at a rate; at the highest one a part of them is never begun."""
    profile = {
        "name": "shop-rates",
        "target": {"server": "shop"},
        "load": {"scenario": "shop.py:checkout", "connections": 100, "rate": 50, "duration": "2s"},
        "sweep": {"load.rate": list(RATES)},
    }
    return write_run(parent, "name: shop-rates\n", _rates(), profile=profile, verdict="valid")


def kind_of(name: str, level: KindLevel, histogram: Histogram, **fields: Any) -> KindResult:  # noqa: ANN401
    """What all values of a histogram say of one kind, save for what `fields` say."""
    usual = {
        "name": name,
        "level": level,
        "requests": histogram.count,
        "requests_per_second": histogram.count / WINDOW_SECONDS,
        "outcomes": {"ok": histogram.count},
        "response_ns": summarise(histogram),
        "service_ns": summarise(histogram),
    }
    return KindResult.model_validate(usual | fields)


def _shop(number: int, factors: Mapping[str, Any], users: int, slower: float = 1.0) -> Made:
    rng = np.random.default_rng([number, users])
    requests = {
        name: slower * each_ns * (1 + grows * users) * rng.lognormal(0, 0.3, 20 * users)
        for name, (each_ns, _, grows) in REQUESTS.items()
    }
    of_steps = {step: [name for name, (_, of, _) in REQUESTS.items() if of == step] for step in ("browse", "pay")}
    steps = {step: sum(requests[name] for name in names) for step, names in of_steps.items()}
    iteration = sum(requests.values()) + PAUSE_NS * rng.uniform(0.5, 1.5, 20 * users)
    folded = {name: _fold(values) for name, values in {"response": np.concatenate([*requests.values()])}.items()}
    statuses = {"POST /login": "200", "POST /orders": "201"}
    kinds = [
        kind_of("checkout", "iteration", _fold(iteration)),
        *(kind_of(name, "request", _fold(requests[name]), statuses={statuses.get(name, "200"): 20 * users})
          for name in REQUESTS),
        *(kind_of(name, "step", _fold(values)) for name, values in steps.items()),
    ]  # fmt: skip
    counted = 20 * users * len(REQUESTS)
    trial = make_trial(
        id=f"{number:03}",
        factors=dict(factors),
        load_model="closed",
        window_ns=_WINDOW_NS,
        requests=counted,
        requests_per_second=counted / WINDOW_SECONDS,
        outcomes={"ok": counted, "cut": users // 4},
        statuses={"200": counted - 20 * users, "201": 20 * users},
        response_ns=summarise(folded["response"]),
        service_ns=summarise(folded["response"]),
        kinds=kinds,
        checks=[
            CheckResult(name="price shown", passed=40 * users, failed=0),
            CheckResult(name="order accepted", passed=20 * users - users // 50, failed=users // 50),
        ],
        target=_usage(counted, 140_000),
        client=_usage(counted, 260_000),
        placement={"target": [0], "load": [1]},
    )
    return trial, folded


def _troubled(trial: TrialResult) -> TrialResult:
    iterations, *others = trial.kinds
    failed = iterations.model_copy(update={"outcomes": {**iterations.outcomes, "script_error": 7, "cut": 12}})
    blocking = Finding(
        code="blocking_code",
        severity="suspect",
        text="The scenario blocked its load worker.",
        evidence="shop.py:9 in 12 turns, 210 ms at most",
        advice="Use user.sleep, user.thread or user.http in place of what blocks.",
    )
    return trial.model_copy(
        update={
            "kinds": [failed, *others],
            "blocking": [
                BlockingCode(where="shop.py:9", code="time.sleep(0.2)  # <slow>", times=12, longest_ns=210_000_000)
            ],
            "failure_samples": [
                FailureSample(
                    outcome="script_error",
                    kind="checkout",
                    reason="KeyError: '<items>'",
                    after_ns=31_000_000,
                    reused=True,
                    traceback=TRACEBACK,
                )
            ],
            "verdict": Verdict(state="suspect", findings=[blocking]),
        }
    )


def _rates() -> Iterator[Made]:
    for number, rate in enumerate(RATES, start=1):
        trial, histograms = _shop(number, {"load.rate": rate}, users=100)
        due, done = rate * WINDOW_SECONDS, min(rate, 150) * WINDOW_SECONDS
        iterations, *others = trial.kinds
        late = _fold(np.full(iterations.requests, 100_000 if done == due else 400_000_000))
        changes = {
            "requests": done,
            "requests_per_second": done / WINDOW_SECONDS,
            "outcomes": {"ok": done} | ({"dropped": due - done} if due > done else {}),
            "lateness_ns": summarise(late),
            "response_ns": summarise(_sum(iterations, late)),
        }
        kinds = [iterations.model_copy(update=changes), *others]
        yield (
            trial.model_copy(update={"load_model": "open", "offered_per_second": float(rate), "kinds": kinds}),
            histograms,
        )


def _sum(iterations: KindResult, late: Histogram) -> Histogram:
    """The response times of iterations that take as long as their median, and are all equally late."""
    return _fold(np.full(iterations.requests, (iterations.service_ns.p50 or 0) + late.max_ns))


def _fold(values: Any) -> Histogram:  # noqa: ANN401 - an array of numbers
    histogram = Histogram()
    histogram.fold(np.asarray(values).astype(int))
    return histogram


def _usage(requests: int, cpu_ns: float) -> ProcessUsage:
    return ProcessUsage(
        processes=1,
        threads=1,
        rss_bytes=41_943_040,
        window_ns=_WINDOW_NS,
        cpu_user_ns=int(requests * cpu_ns * 0.7),
        cpu_system_ns=int(requests * cpu_ns * 0.3),
        cpu_ns_per_request=cpu_ns,
        cpu_user_ns_per_request=cpu_ns * 0.7,
        cpu_system_ns_per_request=cpu_ns * 0.3,
        context_switches=requests,
    )
