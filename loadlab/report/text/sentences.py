"""The plain sentences of the page, computed from the figures that they stand under."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from loadlab.analysis.verdict import RATE_MET
from loadlab.report.drawing.scales import place_x
from loadlab.report.layout import Arrangement, Setting, format_scalar, is_measured
from loadlab.report.measures import ANSWERED_SHARE, Quantity
from loadlab.report.sections.charts import Chart, Line, Panel, panel_of
from loadlab.report.text.values import describe_change, write_value
from loadlab.results.model import RunDocument, Scalar, TrialResult
from loadlab.units import format_share

_MOST_LINES_TOLD = 6
_COUNTED = ("connections", "senders")


def describe_lines(arrangement: Arrangement, lines: Iterable[Line], quantity: Quantity) -> str:
    """Say what each line did from its first point to its last, or list the values where x has no order.

    Of many lines, the ones that end highest and lowest stand for all.
    """
    told = [line for line in lines if line.measured]
    rest = ""
    if len(told) > _MOST_LINES_TOLD:
        by_end = sorted(told, key=lambda line: line.measured[-1][1].median, reverse=True)
        told = [*by_end[:2], *by_end[-2:]]
        rest = f" The other {len(by_end) - len(told)} end between them."
    if arrangement.x_is_number:
        return _list_changes(arrangement, told, quantity) + rest
    return _list_values(told, quantity) + rest


def describe_growth(arrangement: Arrangement, panel: Panel) -> str:
    """Say by how much the measure grew for each connection on the x axis, first point to last; empty on other axes."""
    if not arrangement.x_title.endswith(_COUNTED):
        return ""
    growth = [(_slope(line), line.name) for line in panel.lines if len(line.measured) > 1]
    growth = sorted((each for each in growth if each[0] > 0), reverse=True)
    if len(growth) > _MOST_LINES_TOLD:
        growth = [*growth[:2], *growth[-2:]]
    told = ", ".join(f"{name} {panel.measure.quantity.format(slope)}".strip() for slope, name in growth)
    return f"More for each of the {arrangement.x_title}: {told}." if told else ""


def _slope(line: Line) -> float:
    (first_x, first), (last_x, last) = line.measured[0], line.measured[-1]
    return (last.median - first.median) / (float(last_x or 0) - float(first_x or 0))


def _list_changes(arrangement: Arrangement, lines: Iterable[Line], quantity: Quantity) -> str:
    changes: dict[tuple[Scalar, Scalar], list[str]] = {}
    for line in lines:
        (first_x, first), (last_x, last) = line.measured[0], line.measured[-1]
        told = describe_change(first, last, quantity) if first_x != last_x else write_value(first, quantity)
        changes.setdefault((first_x, last_x), []).append(f"{line.name} {told}".strip())
    # The widest stretch first: it is the one that was asked for, the others end where something was not possible.
    stretches = sorted(changes, key=lambda ends: float(ends[0] or 0) - float(ends[1] or 0))
    return " ".join(f"{describe_stretch(arrangement, *ends)}: {', '.join(changes[ends])}." for ends in stretches)


def describe_stretch(arrangement: Arrangement, first: Scalar, last: Scalar) -> str:
    """Say from where to where on the x axis: `From 0 to 19,000 idle connections`."""
    where = f"At {format_scalar(first)}" if first == last else f"From {format_scalar(first)} to {format_scalar(last)}"
    return f"{where} {arrangement.x_title}"


def describe_gaps(trials: Sequence[TrialResult]) -> str:
    """Say how many trials have no point in the figures, and why; empty when all have one."""
    reasons = Counter("invalid" if trial.state == "done" else trial.state for trial in trials if not is_measured(trial))
    if not reasons:
        return ""
    total = reasons.total()
    listed = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    have = "has" if total == 1 else "have"
    return f"{total} of {len(trials)} trials {have} no point here: {listed}; the table says why."


def describe_impossible(arrangement: Arrangement) -> str:
    """Name once what this machine lacks for a whole line, or a whole place on x, and why; empty if it lacks nothing.

    What was possible in part of the trials of a line is a result, which has its place in the figures and the table.
    """
    lacking: dict[str, str] = {}
    for name, trials in _whole_groups(arrangement):
        reasons = {(trial.state, trial.reason) for trial in trials}
        if len(reasons) == 1 and trials[0].state == "not possible" and trials[0].reason:
            lacking[name] = trials[0].reason.rstrip(".")
    told = "; ".join(f"{name} ({reason})" if name else reason for name, reason in lacking.items())
    return f"Not possible here: {told}." if told else ""


def _whole_groups(arrangement: Arrangement) -> Iterator[tuple[str, list[TrialResult]]]:
    """The trials of each line that has a name, or of each place on an axis of names."""
    groups: dict[str, list[TrialResult]] = {}
    for setting in arrangement.settings:
        by_line = arrangement.x_is_number or len(arrangement.line_names) > 1
        name = arrangement.line_names[setting.line] if by_line else arrangement.name_of(setting)
        groups.setdefault(name, []).extend(setting.trials)
    yield from groups.items()


def describe_marks(arrangement: Arrangement, chart: Chart) -> Iterable[str]:
    """Say what a reader could not guess about the axis and the marks of this chart; one sentence each."""
    if not chart.panels:
        return
    scale = place_x(arrangement).scale
    if scale.zero_at is not None:
        yield "The axis at the bottom is logarithmic; 0 stands apart at its left."
    elif scale.kind == "log":
        yield "The axis at the bottom is logarithmic."
    points = [point for panel in chart.panels for line in panel.lines for point in line.points]
    values = [point.value for point in points if point.value]
    repeats = max((value.repeats for value in values), default=0)
    if repeats > 1:
        yield f"Each point is the median of up to {repeats} repeats; its whisker joins the lowest and the highest."
    if any(value.at_least for value in values):
        yield "Hollow: the load held the target back there; its own figure is at least this."
    if any(point.too_few for point in points):
        yield "A percentile is left out where fewer than 10 samples lie beyond it."


def describe_answered(arrangement: Arrangement) -> Iterator[str]:
    """Yield one sentence on whether the rate of an open load was answered, and where it was least; none without one."""
    shares = [
        (value.median, Setting(x, line.index, ()))
        for line in panel_of(arrangement, ANSWERED_SHARE).lines
        for x, value in line.measured
    ]
    if not shares:
        return
    share, setting = min(shares, key=lambda answered: answered[0])
    if share >= RATE_MET:
        yield f"The offered rate was answered throughout, within {format_share(1 - RATE_MET)}."
    else:
        where = arrangement.name_of(setting)
        worst = f"{format_share(share)} of it at worst{f' ({where})' if where else ''}"
        yield f"Not all that was offered was answered: {worst}."


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
        f"{_label(line, x)} {write_value(value, quantity)}".strip() for line in lines for x, value in line.measured
    ]
    return f"{', '.join(values)}." if values else ""


def _label(line: Line, x: Scalar) -> str:
    return " ".join(part for part in (line.name, "" if x is None else format_scalar(x)) if part)
