"""JUnit's XML: a test case for each expectation, and one for each trial's verdict.

GitHub Actions, GitLab and Jenkins show them. A trial that is invalid fails, one that is suspect passes with its
findings as output, and so does one with failed checks of its scenario; what this machine cannot do, and what could not
be decided, is skipped.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree

from loadlab.export.rows import start_of
from loadlab.profile.path_names import name_of_value
from loadlab.results.requests import CheckResult
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Expectation

# What XML 1.0 cannot hold, not even escaped.
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSURE: Final = "not sure"
_OUTCOMES: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def format_junit(document: RunDocument) -> str:
    """Return the report of a run, as one test suite."""
    name = str(document.profile.get("name") or "loadlab")
    suite = ElementTree.Element("testsuite", name=_clean(name), hostname=_clean(document.host.hostname))
    if (started := start_of(document)) is not None:
        suite.set("timestamp", started.strftime("%Y-%m-%dT%H:%M:%S"))
    for case in _cases(document, name):
        suite.append(case)
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for outcome, counted in _OUTCOMES.items():
        suite.set(counted, str(sum(case.find(outcome) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True).replace(
        "encoding='us-ascii'", "encoding='utf-8'"
    ) + "\n"  # fmt: skip


def _cases(document: RunDocument, name: str) -> Iterator[ElementTree.Element]:
    repeats = any(trial.repeat > 1 for trial in document.trials)
    for trial in document.trials:
        setting = _setting(trial, repeats)
        yield _verdict_case(trial, name, f"{setting}verdict")
        for expectation in trial.expectations:
            yield _expectation_case(expectation, name, f"{setting}{expectation.text}")
    for expectation in document.expectations:
        series = f"{expectation.series}: " if expectation.series else ""
        yield _expectation_case(expectation, name, f"{series}{expectation.text}")
    missing = document.trials_planned - len(document.trials)
    if missing > 0:
        case = _case(name, "all trials measured")
        text = f"{missing} of {document.trials_planned} trials were not measured: the run did not end by itself."
        yield _with(case, "error", "unfinished", text)


def _verdict_case(trial: TrialResult, suite: str, name: str) -> ElementTree.Element:
    case = _case(suite, name, trial.window_ns / 1e9)
    if trial.state == "failed":
        return _with(case, "error", "failed", trial.reason or "The trial failed.")
    if trial.state != "done":
        return _with(case, "skipped", None, trial.reason or trial.state)
    details = "\n".join(
        [
            *(f"{each.severity}: {each.text} {each.evidence}. {each.advice}" for each in trial.verdict.findings),
            *(_describe_check(check) for check in trial.checks if check.failed),
        ]
    )
    if trial.verdict.state == "invalid":
        grave = [finding.text for finding in trial.verdict.findings if finding.severity == "invalid"]
        return _with(case, "failure", "invalid", " ".join(grave), details)
    if details:
        ElementTree.SubElement(case, "system-out").text = _clean(details)
    return case


def _describe_check(check: CheckResult) -> str:
    return f"check: {check.name}: {check.failed:,} of {check.passed + check.failed:,} failed"


def _expectation_case(expectation: Expectation, suite: str, name: str) -> ElementTree.Element:
    case = _case(suite, name)
    if expectation.measured.startswith(_UNSURE):
        return _with(case, "skipped", None, expectation.measured)
    if not expectation.met:
        return _with(case, "failure", "expectation", f"not met: {expectation.measured}")
    ElementTree.SubElement(case, "system-out").text = _clean(expectation.measured)
    return case


def _case(suite: str, name: str, seconds: float = 0.0) -> ElementTree.Element:
    # A dot in the name of a class divides it into packages.
    class_name = f"loadlab.{suite.replace('.', '_')}"
    return ElementTree.Element("testcase", classname=_clean(class_name), name=_clean(name), time=f"{seconds:.3f}")


def _with(
    case: ElementTree.Element, outcome: str, kind: str | None, message: str, details: str = ""
) -> ElementTree.Element:
    child = ElementTree.SubElement(case, outcome, message=_clean(message))
    if kind is not None:
        child.set("type", kind)
    child.text = _clean(details or message)
    return case


def _setting(trial: TrialResult, repeats: bool) -> str:
    """Return which trial it is, for the name of a case: unique, and the same in every run of the profile."""
    values = [name_of_value(path, value) for path, value in trial.factors.items()]
    words = ", ".join([*values, *([f"repeat {trial.repeat}"] if repeats else [])])
    return f"{words}: " if words else ""


def _clean(text: str) -> str:
    return _NO_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
