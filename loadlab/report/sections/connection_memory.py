"""What one idle connection takes of this machine's memory, in words and as a table: kernel, target, and client."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadlab.report.idle_memory import CAPACITIES, MEMORY_OF_ONE, MEMORY_PARTS, ROUGH_NUMBER, is_disturbed
from loadlab.report.layout import Arrangement, Setting
from loadlab.report.measures import Measure
from loadlab.report.sections.dependence import join_many
from loadlab.report.tables import PlainTable
from loadlab.results.model import Scalar, TrialResult
from loadlab.units import format_size_bytes

_NOTE: Final = (
    "The memory in use after opening the idle connections less that before, divided by their number. Both ends of a "
    "connection are on this machine, so the kernel holds it twice. Target and client are the memory of their "
    "processes; the client's includes the interpreters that hold its ends."
)
_NOTE_ON_FEW: Final = "Few connections have no figure: the memory in use on the machine varies by more than they take."
_NOTE_ON_DISTURBED: Final = (
    "There are no figures where a part came out below zero: something else changed the memory in use meanwhile."
)


def describe_split(arrangement: Arrangement) -> Iterator[str]:
    """Yield what a connection takes where most are open, and how many fit into a GiB; of several servers only that."""
    known = _largest_known(arrangement)
    if not known:
        return
    if len(known) > 1:
        yield _describe_capacities(arrangement, known)
        return
    [setting] = known
    kernel, target, client, total = map(format_size_bytes, _medians((*MEMORY_PARTS, MEMORY_OF_ONE), setting.measured))
    is_named = arrangement.line_names != ("",) or not arrangement.x_is_number
    where = f" {'with' if is_named else 'at'} {arrangement.name_of(setting)}" if arrangement.x_path else ""
    at_server, in_all = map(ROUGH_NUMBER.format, _medians(CAPACITIES, setting.measured))
    yield (
        f"One {arrangement.words.idle} takes {total} of memory{where}: {kernel} in the kernel for both ends, {target} "
        f"in the target, and {client} in the client. A GiB holds {at_server} of them at the server's "
        f"end, or {in_all} with both ends."
    )


def memory_table(arrangement: Arrangement) -> PlainTable | None:
    """Return what a connection takes of each part with each server, and how many fit into a GiB; None of one server."""
    known = _largest_known(arrangement)
    if len(known) < 2:
        return None
    # What is asked most is first: a phone shows three columns.
    columns = ("", "in a GiB, server's end", "in a GiB, both ends", "together", "kernel, both ends", "target", "client")
    places = {setting.x for setting in known} if arrangement.x_is_number else set()
    rows = (
        (
            arrangement.line_names[setting.line] if len(places) == 1 else arrangement.name_of(setting),
            *map(ROUGH_NUMBER.format, _medians(CAPACITIES, setting.measured)),
            *map(format_size_bytes, _medians((MEMORY_OF_ONE, *MEMORY_PARTS), setting.measured)),
        )
        for setting in known
    )
    at = f", at {arrangement.describe_x(known[0].x)}" if len(places) == 1 else ""
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


def _largest_known(arrangement: Arrangement) -> list[Setting]:
    """The settings with figures: of each line that with most connections, or each place where x is a name."""
    found: dict[tuple[int, Scalar], Setting] = {}
    for setting in arrangement.settings:
        if any(MEMORY_OF_ONE.read(trial) is not None for trial in setting.measured):
            found[setting.line, None if arrangement.x_is_number else setting.x] = setting
    return [*found.values()]


def _describe_capacities(arrangement: Arrangement, known: Sequence[Setting]) -> str:
    """`A GiB holds so many idle WebSockets at the server's end: epoll 294,000 and node 231,000; with both ends: ...`"""
    alike = len({setting.x for setting in known}) == 1 and len(arrangement.line_names) > 1
    named = [arrangement.line_names[each.line] if alike else arrangement.name_of(each) for each in known]
    counts = [[*map(ROUGH_NUMBER.format, _medians(CAPACITIES, setting.measured))] for setting in known]
    order = sorted(range(len(known)), key=lambda place: -next(_medians(CAPACITIES, known[place].measured)))
    at_server = join_many([f"{named[place]} {counts[place][0]}" for place in order])
    both = join_many([counts[place][1] for place in order])
    idle = arrangement.words.idle
    return f"A GiB holds so many {idle}s at the server's end: {at_server}; with both ends: {both}."


def _medians(measures: Iterable[Measure], trials: Sequence[TrialResult]) -> Iterator[float]:
    """Yield the figure of each measure, of trials of which at least one has them."""
    for measure in measures:
        yield statistics.median(value for trial in trials if (value := measure.read(trial)) is not None)
