"""What the profile expects, met and failed: of each trial, and of the laws of the whole run."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from loadlab.profile.expect import ConditionalExpectation, rule_of
from loadlab.report.sections.section import Run, Section
from loadlab.results.verdict import Expectation


@dataclass(frozen=True, slots=True)
class Check:
    """What was measured where an expectation was checked; `where` is a setting or the series of a law."""

    where: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One entry of the profile's `expect`, with its checks, the failed ones first; none where no trial was meant."""

    text: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> int:
        """How often it was not met."""
        return sum(not check.met for check in self.checks)


@dataclass(frozen=True, slots=True)
class Expectations(Section):
    """All of them, in the order of the profile."""

    results: tuple[ExpectationResult, ...]
    template: ClassVar[str] = "expectations.html"

    @property
    def sentence(self) -> str:
        """How many were met, in words."""
        met = sum(bool(result.checks) and not result.failed for result in self.results)
        return f"{met} of {len(self.results)} met."


def sections_of(run: Run) -> Iterator[Expectations]:
    """Yield the section if the profile expects anything."""
    if results := results_of(run):
        yield Expectations(results)


def results_of(run: Run) -> tuple[ExpectationResult, ...]:
    """Return the checks of each expectation, in the order of the profile."""
    by_text: dict[str, list[Check]] = {text: [] for text in _texts(run.document.profile)}
    for where, expectation in _checked(run):
        by_text.setdefault(expectation.text, []).append(Check(where, expectation.measured, expectation.met))
    return tuple(
        ExpectationResult(text, tuple(sorted(checks, key=lambda check: check.met))) for text, checks in by_text.items()
    )


def _texts(profile: Mapping[str, Any]) -> Iterator[str]:
    for entry in profile.get("expect") or ():
        try:
            yield rule_of(entry if isinstance(entry, str) else ConditionalExpectation.model_validate(entry)).text
        except ValueError:  # a run of another version may have expected what this one cannot read
            yield str(entry)


def _checked(run: Run) -> Iterable[tuple[str, Expectation]]:
    for trial in run.trials:
        for expectation in trial.expectations:
            yield run.arrangement.name_of_trial(trial) or f"trial {trial.id}", expectation
    for expectation in run.document.expectations:
        yield expectation.series, expectation
