"""The document in run.json: what one run found, trial by trial. docs/run-directory.md describes it for readers.

Its models, here and in the modules beside this one, are the one contract with everything that reads a run: the page,
`analysis`, tests and other tools. Times are integer nanoseconds in names ending `_ns`, sizes bytes, other durations
seconds. A field that could not be measured is null, never zero.
"""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr

from loadlab.results.laws import Law
from loadlab.results.paired import PairedComparison
from loadlab.results.probe_data import Document
from loadlab.results.requests import LatencySummary
from loadlab.results.speed import MachineSpeed
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Expectation, Judgement

SCHEMA = "loadlab.run/1"


class HostFingerprint(Document):
    """The machine that the run was made on, as far as it affects the figures."""

    hostname: str
    system: str
    kernel: str
    cpu: str
    cores: int
    memory_bytes: int
    python: str
    open_files_soft: int
    open_files_hard: int
    local_ports: tuple[int, int]
    load_average: float
    virtualised: bool | None = None


class Calibration(Document):
    """The client's own error on this machine, measured before the run against a bundled server, at a constant rate.

    `lateness_ns` is how late requests left, `client_ns` what the client added to their times.
    """

    requests_per_second: float
    connections: int
    lateness_ns: LatencySummary
    client_ns: LatencySummary


class RunDocument(Document):
    """All of run.json. Its own `expectations` are those on laws, checked when all trials are done.

    `spoiled` are attempts at trials that were measured again, as the machine had spoiled them. `scenario_files` has the
    SHA-256 of each source of its scenarios, by its path in the run directory's scenario/. `client_speeds` are those of
    the machines of a cluster that generated load, by name.
    """

    schema_: str = Field(default=SCHEMA, alias="schema")
    loadlab: str
    command: list[str]
    started: str
    finished: str | None = None
    seed: int
    profile: dict[str, Any]
    scenario_files: dict[str, str] = Field(default={})
    host: HostFingerprint
    calibration: Calibration | None = None
    verdict: Judgement
    interrupted: bool = False
    trials: list[TrialResult]
    trials_planned: int
    spoiled: list[TrialResult] = Field(default=[])
    speed: MachineSpeed | None = None
    client_speeds: dict[str, MachineSpeed] = Field(default={})
    ab: PairedComparison | None = None
    laws: list[Law] = Field(default=[])
    expectations: list[Expectation] = Field(default=[])
    _directory: Path | None = PrivateAttr(None)

    @property
    def directory(self) -> Path | None:
        """The run directory, where it was made by `loadlab.run_profile` and kept; it is not part of run.json."""
        return self._directory

    def kept_in(self, directory: Path) -> Self:
        """Return the same document with its run directory."""
        document = self.model_copy()
        document._directory = directory
        return document

    @property
    def trial(self) -> TrialResult:
        """The only trial of the run. Raises LookupError where there are several, or none."""
        if len(self.trials) != 1:
            raise LookupError(f"this run has {len(self.trials)} trials; choose one of `trials`, by its `factors`")
        return self.trials[0]

    @property
    def unmet_expectations(self) -> list[Expectation]:
        """What the profile expects (`expect`) and was not met: by a trial, or by a law of the run."""
        expectations = [*self.expectations, *(each for trial in self.trials for each in trial.expectations)]
        return [expectation for expectation in expectations if not expectation.met]
