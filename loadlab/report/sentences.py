"""The plain sentences of the page, computed from the figures that they stand under."""

from collections import Counter
from collections.abc import Iterable, Sequence

from loadlab.report.arrangement import Arrangement, format_scalar, is_measured
from loadlab.report.charts import Chart, Line, Quantity
from loadlab.report.scales import place_x
from loadlab.results.model import RunDocument, Scalar, TrialResult

_MINUS = "\N{MINUS SIGN}"
_NBSP = "\N{NO-BREAK SPACE}"


def describe_lines(arrangement: Arrangement, lines: Iterable[Line], quantity: Quantity) -> str:
    """Say what each line did from its first point to its last, or list the values where x has no order."""
    if not arrangement.x_is_number:
        return _list_values(lines, quantity)
    changes: dict[tuple[Scalar, Scalar], list[str]] = {}
    for line in lines:
        if line.measured:
            (first_x, first), (last_x, last) = line.measured[0], line.measured[-1]
            told = (
                _describe_change(first.median, last.median, quantity)
                if first_x != last_x
                else quantity.format_with_unit(first.median)
            )
            changes.setdefault((first_x, last_x), []).append(f"{line.name} {told}".strip())
    # The widest stretch first: it is the one that was asked for, the others end where something was not possible.
    stretches = sorted(changes, key=lambda ends: float(ends[0] or 0) - float(ends[1] or 0))
    return " ".join(f"{_stretch(ends, arrangement)}: {', '.join(changes[ends])}." for ends in stretches)


def describe_gaps(trials: Sequence[TrialResult]) -> str:
    """Say how many trials have no point in the figures, and why; empty when all have one."""
    reasons = Counter("invalid" if trial.state == "done" else trial.state for trial in trials if not is_measured(trial))
    if not reasons:
        return ""
    total = reasons.total()
    listed = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    have = "has" if total == 1 else "have"
    return f"{total} of {len(trials)} trials {have} no point here: {listed}; the table says why."


def describe_marks(arrangement: Arrangement, chart: Chart) -> Iterable[str]:
    """Say what a reader could not guess about the axis and the marks of this chart; one sentence each."""
    scale = place_x(arrangement).scale
    if scale.zero_at is not None:
        yield "The axis at the bottom is logarithmic; 0 stands apart at its left."
    elif scale.kind == "log":
        yield "The axis at the bottom is logarithmic."
    points = [point for panel in chart.panels for line in panel.lines for point in line.points if point.measured]
    repeats = max((len(point.measured.values) for point in points if point.measured), default=0)
    if repeats > 1:
        yield f"Each point is the median of up to {repeats} repeats; its whisker joins the lowest and the highest."
    if not all(point.firm for point in points):
        yield "Hollow: fewer than 10 samples lie beyond that percentile."


def describe_verdict(document: RunDocument) -> str:
    """Say in one sentence how far the figures of the run can be believed."""
    findings = sum(finding.severity != "note" for trial in document.trials for finding in trial.verdict.findings)
    if document.verdict == "valid":
        return "Nothing was found that casts doubt on these figures."
    doubts = f"{findings} finding{'' if findings == 1 else 's'}"
    if document.verdict == "suspect":
        return f"{doubts} cast{'s' if findings == 1 else ''} doubt on some of these figures; see “What was found”."
    return "Some of these trials do not measure the target; their capacity is not shown. See “What was found”."


def _list_values(lines: Iterable[Line], quantity: Quantity) -> str:
    values = [
        f"{_label(line, x)} {quantity.format_with_unit(measured.median)}".strip()
        for line in lines
        for x, measured in line.measured
    ]
    return f"{', '.join(values)}." if values else ""


def _label(line: Line, x: Scalar) -> str:
    return " ".join(part for part in (line.name, "" if x is None else format_scalar(x)) if part)


def _stretch(ends: tuple[Scalar, Scalar], arrangement: Arrangement) -> str:
    first, last = map(format_scalar, ends)
    where = f"At {first}" if first == last else f"From {first} to {last}"
    return f"{where} {arrangement.x_title}"


def _describe_change(before: float, after: float, quantity: Quantity) -> str:
    if quantity.format(before) == quantity.format(after):
        return f"stays at {quantity.format_with_unit(after)}"
    return f"{quantity.format(before)} → {quantity.format_with_unit(after)}{_format_change(before, after)}"


def _format_change(before: float, after: float) -> str:
    """In percent, and as a multiple from twice on, where percent are hard to picture."""
    if before <= 0:
        return ""
    if after >= 2 * before:
        multiple = after / before
        return f" ({multiple:.1f} times)" if multiple < 10 else f" ({multiple:,.0f} times)"
    percent = 100 * (after - before) / before
    return f" ({percent:+.1f}{_NBSP}%)".replace("-", _MINUS)
