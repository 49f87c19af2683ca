"""A comparison of two servers as `loadlab ab` leaves it: slices in turn on a machine whose speed jumps by a third."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from loadlab.analysis.pairs import differences
from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.paired import PairedComparison, Variant
from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadedServer, Round, TrialResult
from loadlab.results.verdict import Verdict

from .sample_run import PROFILE, sample_document, write_run

PAIRS = 120
SLICE_NS = 100_000_000
PROFILE_TEXT = "name: ab-localhost-8000\n"
_RATE = 20_000.0
_CPU_NS = 25_000.0


def paired_document(change: float = -0.05, pairs: int = PAIRS, seed: int = 1, **changes: Any) -> RunDocument:  # noqa: ANN401
    """A document in which B answers so much more than A, with fields of the comparison changed as given."""
    a_rounds, b_rounds = paired_rounds(change, pairs, seed)
    return document_of(paired_trial("A", a_rounds), paired_trial("B", b_rounds), **changes)


def document_of(a: TrialResult, b: TrialResult, **changes: Any) -> RunDocument:  # noqa: ANN401
    """The document of two trials, with fields of the comparison changed as given."""
    comparison = {
        "a": Variant(label="http://localhost:8000/", profile=PROFILE),
        "b": Variant(label="http://localhost:8001/", profile=PROFILE),
        "on": "requests_per_second",
        "within": 0.02,
        "at_most_ns": 60_000_000_000,
        "slice_ns": SLICE_NS,
        "ended": "within",
        "differences": differences(a.rounds, b.rounds),
    }
    return sample_document(
        [a, b],
        command=["loadlab", "ab", "http://localhost:8000/", "http://localhost:8001/"],
        profile=PROFILE | {"name": "ab-localhost-8000", "about": "localhost:8000 against localhost:8001", "sweep": {}},
        verdict="valid",
        trials_planned=2,
        laws=[],
        calibration=None,
        ab=PairedComparison.model_validate(comparison | changes),
    )


def paired_rounds(change: float, pairs: int, seed: int = 1) -> tuple[list[Round], list[Round]]:
    """The slices of both sides; the machine's speed jumps every 20 pairs, and each slice scatters by 7 %."""
    rng = np.random.default_rng(seed)
    speeds = np.repeat(rng.choice([1.0, 0.75, 0.55], pairs // 20 + 1), 20)[:pairs]
    sides: tuple[list[Round], list[Round]] = ([], [])
    for pair, speed in enumerate(speeds):
        for side, factor in zip(sides, (1.0, 1 + change), strict=True):
            rate = _RATE * factor * speed * rng.lognormal(0, 0.07)
            at = 0.23 * pair + 0.11 * len(side[pair:])
            times = 16e9 / rate * rng.lognormal(0, 0.02)
            side.append(
                Round(
                    at=at,
                    window_ns=SLICE_NS,
                    requests=round(rate / 10),
                    requests_per_second=rate,
                    cpu_ns_per_request=_CPU_NS / factor / speed * rng.lognormal(0, 0.02),
                    client_cpu_ns_per_request=20_000.0 / speed,
                    p50_ns=round(times),
                    p90_ns=round(1.4 * times),
                    p99_ns=round(2.2 * times * rng.lognormal(0, 0.1)),
                )
            )
    return sides


def paired_trial(variant: str, rounds: list[Round], **changes: Any) -> TrialResult:  # noqa: ANN401
    """The trial of one side, from its slices."""
    requests = sum(each.requests for each in rounds)
    fields: dict[str, Any] = {
        "id": {"A": "001", "B": "002"}[variant],
        "repeat": 1,
        "batch": 1,
        "factors": {"variant": variant},
        "state": "done",
        "verdict": Verdict(state="valid"),
        "rounds": rounds,
        "window_ns": sum(each.window_ns for each in rounds),
        "requests": requests,
        "requests_per_second": float(np.median([each.requests_per_second or 0.0 for each in rounds]))
        if rounds
        else None,
        "load_model": "closed",
        "outcomes": {"ok": requests, "cut": 16 * len(rounds)},
        "response_ns": LatencySummary(p50=800_000, p90=1_000_000, p99=1_500_000, count=requests),
        "server": LoadedServer(address="127.0.0.1:8000"),
    }
    return TrialResult.model_validate(fields | changes)


def write_paired(parent: Path, change: float = -0.05, pairs: int = PAIRS) -> RunDirectory:
    """Write a comparison with its histograms, one interval for each slice, into a new directory in `parent`."""
    document = paired_document(change, pairs)
    run = write_run(parent, PROFILE_TEXT, [(trial, {}) for trial in document.trials])
    run.write_document(document)
    for trial in document.trials:
        run.write_latency_log(trial.id, _intervals(trial))
    return run


def _intervals(trial: TrialResult) -> Iterator[LatencyInterval]:
    rng = np.random.default_rng(int(trial.id))
    for each in trial.rounds:
        response = Histogram()
        response.fold((rng.lognormal(0, 0.3, each.requests) * (each.p50_ns or 1)).astype(int))
        yield LatencyInterval(each.at, each.at + each.window_ns / 1e9, {"response": response, "service": response})
