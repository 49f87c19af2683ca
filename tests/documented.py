"""What docs/run-directory.md says of run.json: a table for each model, by the heading above it."""

import re
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from loadlab.results import idle, laws, machine, paired, probe_data, requests, run, speed, trial, verdict

DOCUMENT: Final = Path(__file__).parents[1] / "docs/run-directory.md"

TABLES: Final[dict[str, type[BaseModel]]] = {
    "The run": run.RunDocument,
    "The machine": run.HostFingerprint,
    "The calibration": run.Calibration,
    "The speed of the machine": speed.MachineSpeed,
    "A reading of the speed": speed.SpeedReading,
    "A comparison in the same seconds": paired.PairedComparison,
    "A variant": paired.Variant,
    "A difference": paired.Difference,
    "A law": laws.Law,
    "An expectation": verdict.Expectation,
    "A trial": trial.TrialResult,
    "A verdict": verdict.Verdict,
    "Speed": speed.Speed,
    "A round": trial.Round,
    "Times": requests.LatencySummary,
    "A failure": requests.FailureSample,
    "A kind of request": requests.KindResult,
    "A client machine": machine.MachineResult,
    "Idle connections": idle.IdleSummary,
    "The memory of connections": idle.ConnectionMemory,
    "What processes used and had": probe_data.ProcessUsage,
    "A control group": probe_data.ControlGroupUse,
    "The probes": probe_data.Probes,
    "The probe procfs": probe_data.ProcfsProbe,
    "The probe sockets": probe_data.SocketsProbe,
    "The probe syscalls": probe_data.SyscallsProbe,
    "Calls of one side": probe_data.SyscallProfile,
    "The probe cpu": probe_data.CpuProbe,
    "A CPU profile": probe_data.StackProfile,
}

INLINE: Final[dict[type[BaseModel], tuple[str, str]]] = {
    laws.PerEventLaw: ("A law", "per_event"),
    verdict.Finding: ("A verdict", "findings"),
    requests.ConnectCounts: ("A trial", "connects"),
    trial.LoadedServer: ("A trial", "server"),
    trial.TlsSession: ("A trial", "tls"),
    requests.Interval: ("A trial", "intervals"),
    requests.CheckResult: ("A trial", "checks"),
    requests.BlockingCode: ("A trial", "blocking"),
    machine.ClockResult: ("A client machine", "clock"),
    probe_data.Pressure: ("A trial", "pressure"),
    probe_data.ProcessState: ("The probe procfs", "target_at_start"),
    probe_data.SocketsReading: ("The probe sockets", "readings"),
    probe_data.SocketCounters: ("The probe sockets", "counted"),
    probe_data.CallCount: ("Calls of one side", "calls"),
    probe_data.EventsPerWait: ("Calls of one side", "waits"),
    probe_data.CpuProfile: ("The probe cpu", "target"),
    probe_data.FunctionShare: ("A CPU profile", "top"),
}
"""Models that are described in the row of a field, by the heading of the table and the name of that field."""


def rows_of(heading: str) -> dict[str, str]:
    """Return what the table under a heading says of each field."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#)", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", section, re.MULTILINE)
    return {name: meaning for names, meaning in rows for name in re.findall(r"`([^`]+)`", names)}


def documented_fields(heading: str) -> list[str]:
    """Return the names in the first column of the table under a heading."""
    return list(rows_of(heading))
