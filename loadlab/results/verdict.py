"""Judgements on what was measured: findings with their evidence, and whether what was expected was met."""

from typing import Literal

from pydantic import Field

from loadlab.results.probe_data import Document

Severity = Literal["note", "suspect", "invalid"]

Judgement = Literal["valid", "suspect", "invalid"]


class Finding(Document):
    """One judgement on a measurement, with its evidence in the units of the result.

    `machines` names those that it is about, where it is not about all that generated the load.
    """

    code: str
    severity: Severity
    text: str
    evidence: str
    advice: str
    machines: list[str] = Field(default=[])


class Verdict(Document):
    """Whether a measurement can be believed; its state is that of its gravest finding."""

    state: Judgement
    findings: list[Finding] = Field(default=[])


class Expectation(Document):
    """One entry of the profile's `expect`, and whether it was met: by the trial that has it, or by a law of the run.

    `series` names the series of a law; it is empty for a trial.
    """

    text: str
    met: bool
    measured: str
    series: str = ""
