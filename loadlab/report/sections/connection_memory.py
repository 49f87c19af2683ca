"""What one idle connection takes of this machine's memory, in words and as a table: kernel, target, and client."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.report.idle_memory import CAPACITIES, MEMORY_OF_ONE, MEMORY_PARTS, ROUGH_NUMBER, is_disturbed
from loadlab.report.layout import Arrangement, Setting
from loadlab.report.measures import Measure
from loadlab.report.sections.dependence import join_many
from loadlab.report.tables import PlainTable
from loadlab.results.trial import Scalar, TrialResult
from loadlab.units import format_size_bytes

# What differs by less is one figure.
_ALIKE: Final = 1.1
_NOTE: Final = (
    "The memory in use after opening the idle connections less that before, divided by their number. Both ends of a "
    "connection are on this machine, so the kernel holds it twice. Target and client are the memory of their "
    "processes; the client's includes the interpreters that hold its ends."
)
_NOTE_ON_FEW: Final = "Few connections have no figure: the memory in use on the machine varies by more than they take."
_NOTE_ON_DISTURBED: Final = (
    "There are no figures where a part came out below zero: something else changed the memory in use meanwhile."
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A server, or a setting, of which it is known what an idle connection takes."""

    name: str
    trials: tuple[TrialResult, ...]

    def medians(self, measures: Iterable[Measure]) -> Iterator[float]:
        """Yield the figure of each measure, of trials of which at least one has them."""
        for measure in measures:
            yield statistics.median(value for trial in self.trials if (value := measure.read(trial)) is not None)


def describe_split(arrangement: Arrangement) -> Iterator[str]:
    """Yield what a connection takes where most are open, and how many fit into a GiB; of several servers only that."""
    known = _known(arrangement)
    if len(known) > 1:
        yield _describe_capacities(arrangement, known)
        return
    for only in known:
        kernel, target, client, total = map(format_size_bytes, only.medians((*MEMORY_PARTS, MEMORY_OF_ONE)))
        is_named = arrangement.line_names != ("",) or not arrangement.x_is_number
        where = f" {'with' if is_named else 'at'} {only.name}" if arrangement.x_path else ""
        at_server, in_all = map(ROUGH_NUMBER.format, only.medians(CAPACITIES))
        yield (
            f"One {arrangement.words.idle} takes {total} of memory{where}: {kernel} in the kernel for both ends, "
            f"{target} in the target, and {client} in the client. A GiB holds {at_server} of them at the server's "
            f"end, or {in_all} with both ends."
        )


def memory_table(arrangement: Arrangement) -> PlainTable | None:
    """Return what a connection takes of each part with each server, and how many fit into a GiB; None of one server."""
    known = _known(arrangement)
    if len(known) < 2:
        return None
    # What is asked most is first: a phone shows three columns.
    columns = ("", "in a GiB, server's end", "in a GiB, both ends", "together", "kernel, both ends", "target", "client")
    rows = (
        (
            each.name,
            *map(ROUGH_NUMBER.format, each.medians(CAPACITIES)),
            *map(format_size_bytes, each.medians((MEMORY_OF_ONE, *MEMORY_PARTS))),
        )
        for each in known
    )
    places = {setting.x for setting in _largest(arrangement)} if arrangement.x_is_number else set()
    at = f", at {arrangement.describe_x(places.pop())}" if len(places) == 1 else ""
    title = f"How many {arrangement.words.idle}s fit into a GiB, and what one takes{at}"
    return PlainTable(title, (), columns, tuple(rows), "The server's end is the target and half of the kernel's part.")


def note_on(arrangement: Arrangement) -> str:
    """Say how the figures came about, and why some are missing; empty where none was to be had."""
    trials = [trial for setting in arrangement.settings for trial in setting.measured]
    disturbed = [is_disturbed(trial.connection_memory) for trial in trials if trial.connection_memory]
    if not disturbed:
        return ""
    notes = (
        (_NOTE, not all(disturbed)),
        (_NOTE_ON_FEW, any(trial.idle and trial.idle.opened and not trial.connection_memory for trial in trials)),
        (_NOTE_ON_DISTURBED, any(disturbed)),
    )
    return " ".join(note for note, is_due in notes if is_due)


def _known(arrangement: Arrangement) -> list[_Known]:
    """Return the settings with figures: of each line one, where it does not matter which or x is a number."""
    largest = _largest(arrangement)
    lines = {
        line: [each for each in largest if each.line == line] for line in dict.fromkeys(each.line for each in largest)
    }
    by_line = [
        _Known(arrangement.line_names[line], tuple(trial for each in settings for trial in each.measured))
        for line, settings in lines.items()
    ]
    if len(lines) > 1 and (len({each.x for each in largest}) == 1 or all(map(_is_alike, by_line))):
        return by_line
    return [_Known(arrangement.name_of(setting), setting.measured) for setting in largest]


def _largest(arrangement: Arrangement) -> list[Setting]:
    """The settings with figures: of each line that with most connections, or each place where x is a name."""
    found: dict[tuple[int, Scalar], Setting] = {}
    for setting in arrangement.settings:
        if any(MEMORY_OF_ONE.read(trial) is not None for trial in setting.measured):
            found[setting.line, None if arrangement.x_is_number else setting.x] = setting
    return [*found.values()]


def _is_alike(known: _Known) -> bool:
    values = [value for trial in known.trials if (value := MEMORY_OF_ONE.read(trial)) is not None]
    return max(values) <= _ALIKE * min(values)


def _describe_capacities(arrangement: Arrangement, known: Sequence[_Known]) -> str:
    """`A GiB holds so many idle WebSockets at the server's end: epoll 294,000 and node 231,000; with both ends: ...`"""
    ranked = sorted(known, key=lambda each: -next(each.medians(CAPACITIES)))
    counts = [[*map(ROUGH_NUMBER.format, each.medians(CAPACITIES))] for each in ranked]
    at_server = join_many([f"{each.name} {count}" for each, (count, _) in zip(ranked, counts, strict=True)])
    both = join_many([count for _, count in counts])
    idle = arrangement.words.idle
    return f"A GiB holds so many {idle}s at the server's end: {at_server}; with both ends: {both}."
