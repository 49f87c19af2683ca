"""What a run of one target says: figures of its only setting, response times over x, how p50 and p99 relate."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from loadlab.profile.target import name_of_command
from loadlab.report.layout import Arrangement, Setting
from loadlab.report.measures import DELAY_P50, DELAY_P99, RESPONSE_P50, RESPONSE_P99, THROUGHPUT, TIME, Measure
from loadlab.report.panels import Value, panel_of
from loadlab.report.ratios import chance_of
from loadlab.report.scenario import ITERATION_P50, has_scenario, iterations_measure, tail_of
from loadlab.report.sections.section import Run
from loadlab.report.sentences import describe_change, describe_stretch, write_interval, write_value
from loadlab.units import format_duration_ns, format_multiple

# Where the 99th percentile is more than so many times the median, both have to be known.
_LONG_TAIL: Final = 30.0


def describe_single(run: Run, measure: Measure) -> Iterator[str]:
    """Yield the figures of a run of one setting, with their intervals.

    `measure` is what a run without load is about.
    """
    arrangement = run.arrangement
    [setting] = arrangement.settings
    if not setting.measured:
        reason = next((trial.reason for trial in setting.trials if trial.reason), "")
        requests = sum(trial.requests for trial in setting.trials)
        what = f"Not completed, after {requests:,} requests" if requests else "Nothing was measured"
        yield f"{what}{f': {reason}' if reason else '.'}"
        return
    name = arrangement.name_of(setting) or target_of(run.document.profile)
    rate = _value(arrangement, THROUGHPUT)
    if rate is None:
        if value := _value(arrangement, measure):
            yield f"{measure.subject}{f' with {name}' if name else ''}: {_written(value, measure)}."
        return
    words = arrangement.words
    if not any(trial.requests for trial in setting.measured) and has_scenario(setting.measured):
        return  # its users exchange messages; the sentence on iterations says how many
    half, take, measures = words.half_take, words.take, (RESPONSE_P50, RESPONSE_P99)
    if _value(arrangement, DELAY_P50):
        half, take, measures = f"half of the {words.many} arrive within", "within", (DELAY_P50, DELAY_P99)
    times = [
        f"{share} {_written(value, measure)}"
        for share, measure in zip((half, f"99\N{NO-BREAK SPACE}% {take}"), measures, strict=True)
        if (value := _value(arrangement, measure))
    ]
    subject = f"T{name[1:]}" if name.startswith("the ") else name or "The target"
    taken = f"; {', '.join(times)}" if times else ""
    yield f"{subject} {words.answers} {_written(rate, THROUGHPUT.worded(words))}{taken}."


def describe_times(arrangement: Arrangement) -> Iterator[str]:
    """Yield how median and 99th percentile of one server's times change from the first x to the last."""
    what, measures = _main_times(arrangement)
    names = [measure.metric.rpartition(".")[2] for measure in measures]
    medians, tails = (dict(panel_of(arrangement, measure).lines[0].measured) for measure in measures)
    places = [x for x in medians if x in tails]
    if len(places) < 2:
        return
    first, last = places[0], places[-1]
    changes = [
        f"{name} {describe_change(values[first], values[last], TIME, chance_of(arrangement, TIME))}"
        for name, values in zip(names, (medians, tails), strict=True)
    ]
    yield f"{describe_stretch(arrangement, first, last)}: {what} {', '.join(changes)}."


def describe_tail(arrangement: Arrangement) -> Iterator[str]:
    """Yield where the 99th percentile is very many times the median: most requests are fast, a few wait very long.

    In a mix of requests the kinds explain that, so there it is not said; nor of the time between events, which is the
    server's own pace.
    """
    _, measures = _main_times(arrangement)
    words = arrangement.words
    if words.pushed and measures[0] == RESPONSE_P50:
        return
    found: list[tuple[float, Setting, float, float]] = []
    medians, tails = (panel_of(arrangement, measure).lines for measure in measures)
    for setting in arrangement.settings:
        low, high = (dict(lines[setting.line].measured).get(setting.x) for lines in (medians, tails))
        if low and high and low.median > 0 and not any(trial.kinds for trial in setting.trials):
            found.append((high.median / low.median, setting, low.median, high.median))
    long = [each for each in found if each[0] >= _LONG_TAIL]
    if not long:
        return
    ratio, setting, median_ns, tail_ns = max(long, key=lambda each: each[0])
    where = arrangement.name_of(setting)
    also = f", and in {len(long) - 1} of the other {len(found) - 1} settings it is also" if len(long) > 1 else ""
    more = f"{also} more than {_LONG_TAIL:.0f} times" if also else ""
    yield (
        f"Most {words.answer}s are fast and a few wait very long: the p99 of {format_duration_ns(tail_ns)} is "
        f"{format_multiple(ratio)} times the median of {format_duration_ns(median_ns)}"
        f"{f' ({where})' if where else ''}{more}."
    )


def target_of(profile: Mapping[str, Any]) -> str:
    """Return what is measured, where all trials have the same target: a server, a command, an address."""
    target = profile.get("target") or {}
    if target.get("command"):
        return name_of_command(target["command"])
    if target.get("address"):
        return f"the server at {target['address']}"
    return str(target.get("server") or "")


def _main_times(arrangement: Arrangement) -> tuple[str, tuple[Measure, Measure]]:
    """The time that matters most, by its name within a sentence: of a scenario that of its iterations.

    Of events that say when they were sent it is their delay.
    """
    trials = [trial for setting in arrangement.settings for trial in setting.measured]
    if has_scenario(trials):
        tail = tail_of(trial.iterations.response_ns for trial in trials if trial.iterations)
        return ITERATION_P50.phrase.partition(" (")[0], (ITERATION_P50, iterations_measure(tail))
    if any(trial.delay_ns.count for trial in trials):
        return "delivery delay", (DELAY_P50, DELAY_P99)
    return arrangement.words.phrase_of_time, (RESPONSE_P50, RESPONSE_P99)


def _value(arrangement: Arrangement, measure: Measure) -> Value | None:
    """The value of a run of one setting."""
    return next((value for line in panel_of(arrangement, measure).lines for _, value in line.measured), None)


def _written(value: Value, measure: Measure) -> str:
    return write_value(value, measure.quantity) + write_interval(value, measure.quantity)
