"""Runs to compare: documents of a few trials with the figures that a test is about."""

from collections.abc import Sequence
from typing import Any

from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed, Speed
from loadlab.results.trial import Round, TrialResult
from tests.sample_run import HOST, sample_document
from tests.trials import make_trial, make_usage

PROFILE: dict[str, Any] = {
    "name": "mine",
    "target": {"server": "epoll", "handler": "hello"},
    "load": {"connections": 16, "duration": "2s", "warmup": "500ms"},
}


def make_run(trials: Sequence[TrialResult], profile: dict[str, Any] | None = None, **fields: object) -> RunDocument:
    """Return a run of these trials, by default of one setting on one machine."""
    return sample_document(list(trials), profile=PROFILE if profile is None else profile, **({"host": HOST} | fields))


def make_rate(rate: float, number: int = 1, **fields: Any) -> TrialResult:  # noqa: ANN401 - any field
    """Return a trial of a saturated server with a closed load, by its throughput."""
    requests = int(2 * rate)
    usage = make_usage(cpu_user_ns=1_000_000_000, cpu_system_ns=950_000_000, window_ns=2_000_000_000)
    usual: dict[str, Any] = {
        "id": f"{number:03}",
        "repeat": number,
        "load_model": "closed",
        "window_ns": 2_000_000_000,
        "requests": requests,
        "requests_per_second": rate,
        "outcomes": {"ok": requests},
        "placement": {"target": [0], "load": [1]},
        "response_ns": LatencySummary(p50=200_000, p90=300_000, p99=400_000, count=requests),
        "target": usage.model_copy(update={"cpu_ns_per_request": 1.95e9 / max(requests, 1), "pss_bytes": 10_000_000}),
    }
    return make_trial(**(usual | fields))


def make_rounds(rates: Sequence[float], **speeds: Sequence[float]) -> list[Round]:
    """Return rounds of 100 ms with these rates; `target` may be the speed of the target's cores in each."""
    targets = speeds.get("target", [1.0] * len(rates))
    return [
        Round(
            at=0.5 * number,
            window_ns=100_000_000,
            requests=int(rate / 10),
            requests_per_second=rate,
            cpu_ns_per_request=1e9 / rate,
            speed=Speed(target=speed, client=1.0),
        )
        for number, (rate, speed) in enumerate(zip(rates, targets, strict=True))
    ]


def make_speed(target_ns: int) -> MachineSpeed:
    """Return the speed of a machine whose cores take so long for the arithmetic."""
    return MachineSpeed(readings=[], target_ns=target_ns, client_ns=target_ns)
