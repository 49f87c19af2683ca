"""A run as the select-against-epoll profile leaves it: three servers, five numbers of idle connections, no surprises
in the figures, and one trial each that was not possible, failed, and invalid.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.idle import IdleSummary
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.probe_data import ProcessUsage
from loadlab.results.requests import Interval, LatencySummary
from loadlab.results.run import Calibration, HostFingerprint, RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict

IDLE: Final = (0, 1000, 5000, 10_000, 19_000)
# What one wait call costs the server with no idle connection, and what each of them adds.
PER_REQUEST_NS: Final = {"select": 49_500.0, "poll": 50_200.0, "epoll": 47_000.0}
PER_IDLE_NS: Final = {"select": 72.0, "poll": 56.0, "epoll": 0.03}
CONNECTIONS: Final = 16
WINDOW_SECONDS: Final = 2

PROFILE_TEXT: Final = """\
name: select-vs-epoll
about: Throughput and latency of select, poll and epoll as idle connections pile up.
target:
  server: epoll            # a bundled server
  handler: hello
load:
  connections: 16          # active ones, closed loop here
  idle: 0                  # idle connections held all the while
  warmup: 500ms
  duration: 2s
  timeout: 5s
sweep:
  target.server: [select, poll, epoll]
  load.idle: [0, 1000, 5000, 10000, 19000]
plot: {x: load.idle, series: target.server}
"""

PROFILE: Final[dict[str, Any]] = {
    "name": "select-vs-epoll",
    "about": "Throughput and latency of select, poll and epoll as idle connections pile up.",
    "target": {"server": "epoll", "handler": "hello"},
    "load": {"connections": CONNECTIONS, "idle": 0, "warmup": "500ms", "duration": "2s", "timeout": "5s"},
    "sweep": {"target.server": ["select", "poll", "epoll"], "load.idle": list(IDLE)},
    "repeat": 1,
    "plot": {"x": "load.idle", "series": "target.server"},
}

HOST: Final = HostFingerprint(
    hostname="bench-1",
    system="Debian GNU/Linux 12 (bookworm)",
    kernel="6.1.0-28-amd64",
    cpu="AMD EPYC 7763 64-Core Processor",
    cores=2,
    memory_bytes=25_769_803_776,
    python="3.11.2",
    open_files_soft=1024,
    open_files_hard=20_000,
    local_ports=(32_768, 60_999),
    load_average=0.07,
    virtualised=True,
)

CALIBRATION: Final = Calibration(
    requests_per_second=4_000,
    connections=16,
    lateness_ns=LatencySummary(p50=1_290, p90=1_746, p99=4_871, p99_9=21_007, max=51_199, mean=1_500.0, count=2_004),
    client_ns=LatencySummary(p50=4_799, p90=5_407, p99=9_495, p99_9=30_207, max=62_463, mean=5_100.0, count=2_004),
)


def sample_document(trials: list[TrialResult] | None = None, **changes: object) -> RunDocument:
    """The run's document, with `trials` in place of the sample's own and other fields changed as given."""
    if trials is None:
        trials = [trial for trial, _ in sample_trials()]
    fields: dict[str, Any] = {
        "loadlab": "0.1.0",
        "command": ["loadlab", "run", "profiles/select-vs-epoll.yaml"],
        "started": "2026-10-14T17:05:01+00:00",
        "finished": "2026-10-14T17:06:19+00:00",
        "seed": 42,
        "profile": PROFILE,
        "host": HOST,
        "calibration": CALIBRATION,
        "verdict": "invalid",
        "trials": trials,
        "trials_planned": len(trials),
    }
    return RunDocument(**(fields | changes))


def write_sample(parent: Path) -> RunDirectory:
    """Write the whole run, histograms and all, into a new directory in `parent`."""
    return write_run(parent, PROFILE_TEXT, sample_trials())


def write_run(
    parent: Path,
    profile_text: str,
    made: Iterable[tuple[TrialResult, dict[str, Histogram]]],
    **changes: object,
) -> RunDirectory:
    """Write a run of these trials, with fields of its document changed as given, into a new directory in `parent`."""
    run = RunDirectory.create(parent, "select-vs-epoll", profile_text, datetime(2026, 10, 14, 17, 5, 1, tzinfo=UTC))
    trials: list[TrialResult] = []
    for trial, histograms in made:
        trials.append(trial)
        if histograms:
            run.write_latency_log(trial.id, [LatencyInterval(0.0, float(WINDOW_SECONDS), histograms)])
    run.write_document(sample_document(trials, **changes))
    return run


def sample_trials() -> Iterator[tuple[TrialResult, dict[str, Histogram]]]:
    """Each trial with its histograms, in a running order that is not the order of the sweep."""
    combinations = [*product(PER_REQUEST_NS, IDLE)]
    order = np.random.default_rng(42).permutation(len(combinations))
    for number, index in enumerate(order, start=1):
        server, idle = combinations[index]
        trial_id = f"{number:03}"
        match server, idle:
            case "select", 19_000:
                yield refused_trial(trial_id, server, idle), {}
            case "poll", 19_000:
                yield failed_trial(trial_id, server, idle), {}
            case _:
                yield measured_trial(trial_id, server, idle, invalid=(server, idle) == ("poll", 10_000))


def refused_trial(trial_id: str, server: str, idle: int) -> TrialResult:
    """A trial that the target could not run at all."""
    return TrialResult(
        id=trial_id,
        repeat=1,
        factors={"target.server": server, "load.idle": idle},
        state="not possible",
        reason="select holds at most 16,384 connections here, and this trial wants 19,016.",
        verdict=Verdict(state="valid"),
    )


def failed_trial(trial_id: str, server: str, idle: int) -> TrialResult:
    """A trial whose target died."""
    reason = f"The target {server} was killed by SIGKILL 0.8 s after it started; look for the out-of-memory killer."
    finding = Finding(
        code="failed", severity="invalid", text="The trial failed.", evidence=reason, advice="Run it again by itself."
    )
    return TrialResult(
        id=trial_id,
        repeat=1,
        factors={"target.server": server, "load.idle": idle},
        state="failed",
        reason=reason,
        verdict=Verdict(state="invalid", findings=[finding]),
    )


def measured_trial(
    trial_id: str, server: str, idle: int, *, repeat: int = 1, invalid: bool = False
) -> tuple[TrialResult, dict[str, Histogram]]:
    """A measured trial and its histograms: the server takes a fixed time, and some for each idle connection."""
    rng = np.random.default_rng([idle, len(server), repeat])
    each_ns = PER_REQUEST_NS[server] + idle * PER_IDLE_NS[server] * rng.uniform(0.98, 1.02)
    requests = int(WINDOW_SECONDS * 1e9 / each_ns)
    service_ns = CONNECTIONS * each_ns * rng.lognormal(-0.02, 0.2, requests) + rng.exponential(20_000, requests)
    lateness_ns, dispatch_ns = rng.exponential(3_000, requests), rng.exponential(15_000, requests)
    histograms = fold_parts(lateness_ns, service_ns, dispatch_ns)
    half = requests // 2
    trial = TrialResult(
        id=trial_id,
        repeat=repeat,
        factors={"target.server": server, "load.idle": idle},
        state="done",
        verdict=_verdict(requests, invalid=invalid),
        window_ns=WINDOW_SECONDS * 1_000_000_000,
        requests=requests,
        requests_per_second=requests / WINDOW_SECONDS,
        load_model="closed",
        outcomes={"ok": requests, "timeout": 3 if invalid else 0, "cut": CONNECTIONS},
        **summaries(histograms),
        idle=IdleSummary(
            wanted=idle,
            opened=idle,
            alive_at_start=idle,
            alive=0 if invalid else idle,
            open_seconds=idle / 20_000,
            holders=1,
        )
        if idle
        else None,
        target=_usage(
            requests, user_ns=11_000 + 0.15 * (each_ns - 47_000), system_ns=34_000 + 0.85 * (each_ns - 47_000)
        ),
        client=_usage(requests, user_ns=4_100.0, system_ns=16_000.0),
        intervals=[Interval(start=0, end=1, requests=half), Interval(start=1, end=2, requests=requests - half)],
        placement={"target": [0], "load": [1]},
    )
    return trial, histograms


def _verdict(requests: int, *, invalid: bool) -> Verdict:
    findings = []
    if invalid:
        findings.append(
            Finding(
                code="idle_died",
                severity="invalid",
                text="Idle connections were lost while the trial ran.",
                evidence="0 of 10,000 were alive at the end.",
                advice="Look whether the target closes silent connections after a time, and make that time longer.",
            )
        )
    if requests < 10_000:
        findings.append(
            Finding(
                code="few_samples",
                severity="note",
                text="Too few samples for the highest percentiles.",
                evidence=f"p99.9 rests on {requests // 1000} of {requests:,} samples.",
                advice="Measure longer (load.duration) if these percentiles matter.",
            )
        )
    return Verdict(state="invalid" if invalid else "valid", findings=findings)


def fold_parts(
    lateness_ns: NDArray[np.float64], service_ns: NDArray[np.float64], dispatch_ns: NDArray[np.float64]
) -> dict[str, Histogram]:
    """The histograms of a trial, from the parts of each of its requests; every tenth is a sample of `client`."""
    values = {
        "response": lateness_ns + service_ns,
        "service": service_ns,
        "lateness": lateness_ns,
        "wire": service_ns - dispatch_ns,
        "dispatch": dispatch_ns,
        "client": 2 * dispatch_ns[::10],
    }
    histograms = {name: Histogram() for name in values}
    for name, histogram in histograms.items():
        histogram.fold(values[name].clip(0).astype(int))
    return histograms


def summaries(histograms: dict[str, Histogram]) -> dict[str, LatencySummary]:
    """The fields of a trial that sum its histograms up."""
    return {f"{name}_ns": summarise(histogram) for name, histogram in histograms.items()}


def summarise(histogram: Histogram) -> LatencySummary:
    """The summary of a histogram with values."""
    at = histogram.values_at([50.0, 90.0, 99.0, 99.9])
    return LatencySummary(
        p50=at[50.0],
        p90=at[90.0],
        p99=at[99.0],
        p99_9=at[99.9],
        max=histogram.max_ns,
        mean=histogram.mean_ns,
        count=histogram.count,
    )


def _usage(requests: int, user_ns: float, system_ns: float) -> ProcessUsage:
    return ProcessUsage(
        processes=1,
        threads=1,
        rss_bytes=18_350_080,
        cpu_user_ns=int(requests * user_ns),
        cpu_system_ns=int(requests * system_ns),
        context_switches=requests // 40,
        window_ns=WINDOW_SECONDS * 1_000_000_000,
        cpu_ns_per_request=user_ns + system_ns,
        cpu_user_ns_per_request=user_ns,
        cpu_system_ns_per_request=system_ns,
        context_switches_per_request=0.025,
    )
