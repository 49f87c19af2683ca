"""What `loadlab ab` prints at its end: the answer, how it came about, a table, and what was found of each side."""

from collections.abc import Iterator
from typing import Final

from loadlab.cli.hit.summary import finding_lines, load_parts
from loadlab.cli.lines import Line, wrapped
from loadlab.profile import LoadProfile
from loadlab.report.failures import failure_lines
from loadlab.report.paired import compared_figures, describe_answer, describe_course, describe_limits
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation, Finding

_SIDES: Final = ("A", "B")
_TITLE: Final = 15
_FIGURE: Final = 10
_INTERVAL: Final = 23


def summarise(document: RunDocument, profile: LoadProfile) -> Iterator[Line]:
    """Yield the summary of a comparison."""
    comparison = document.ab
    assert comparison is not None
    yield from wrapped(describe_answer(document), 0, "strong")
    yield Line("")
    for side, variant in zip(_SIDES, (comparison.a, comparison.b), strict=True):
        yield from wrapped(f"{side}  {variant.label}", 3)
    yield from wrapped(f"each: {', '.join(load_parts(profile))}", 0)
    figures = compared_figures(document)
    if figures:
        yield Line("")
        extra = max(0, *(len(each.short) + 1 - _TITLE for each in figures))
        yield _row(extra, "", "A", "B", "B vs. A", "95 % interval", "")
        for each in figures:
            yield _row(extra, each.short, each.a, each.b, each.change, each.interval, each.merit)
    yield Line("")
    for sentence in (describe_course(document), *describe_limits(document)):
        if sentence:
            yield from wrapped(sentence, 0)
    yield from _findings(document)
    yield from (line for text in failure_lines(document.trials) for line in wrapped(text, 2))


def condition_lines(expectations: list[Expectation]) -> Iterator[Line]:
    """Yield what became of each --fail-if."""
    for each in expectations:
        unsure = each.measured.startswith("not sure")
        state = "not sure" if unsure else "passed" if each.met else "failed"
        measured = each.measured.removeprefix("not sure: ")
        text = f"{state}: {each.text}: {measured}"
        yield from wrapped(text, 2, "suspect" if unsure else "valid" if each.met else "invalid")


def _row(extra: int, title: str, a: str, b: str, change: str, interval: str, merit: str) -> Line:
    """Return a row of the table; `extra` columns that the titles need are taken from the three figures behind them."""
    figure = _FIGURE - -(-extra // 3)
    figures = f"{a:>{figure}}{b:>{figure}}{change:>{figure + 2}}"
    return Line(f"{title:<{_TITLE + extra}}{figures}  {interval:>{_INTERVAL}}  {merit}".rstrip(), "plain")


def _findings(document: RunDocument) -> Iterator[Line]:
    """Yield what was found of either side, once what was found of both, what casts doubt first."""
    found: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for side, trial in zip(_SIDES, document.trials, strict=False):
        for finding in trial.verdict.findings:
            found.setdefault((finding.code, finding.text), (finding, []))[1].append(side)
    ranked = sorted(found.values(), key=lambda each: each[0].severity == "note")
    if ranked:
        yield Line("")
    for finding, sides in ranked:
        yield from finding_lines(finding, " and ".join(sides))
