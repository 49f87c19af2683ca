"""Small diagrams over the time of a window: what target, client and TCP used, and whether that changed."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loadlab.analysis.verdict.steadiness import Shift, find_change
from loadlab.results.probe_data import ProcessState, ProcessUsage, ProcfsProbe, SocketsProbe, SocketsReading
from loadlab.results.requests import Interval

Shape = Literal["steps", "stack", "points"]

_MS_NS: Final = 1e6
_S_NS: Final = 1e9
_MIB: Final = 1 << 20
_KIB: Final = 1 << 10


@dataclass(frozen=True, slots=True)
class TimeLine:
    """One line of a panel; a value that was not read is None."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class TimePanel:
    """What is drawn over `seconds` since the start of the window, in `unit`.

    `points` are states, one at each of `seconds`. `steps` are rates, each of them from one of `seconds` to the next, so
    there is one fewer; so are those of a `stack`, which add up. `changed` says whether they did.
    """

    title: str
    unit: str
    shape: Shape
    seconds: tuple[float, ...]
    lines: tuple[TimeLine, ...]
    changed: bool


def process_panels(probe: ProcfsProbe) -> Iterator[TimePanel]:
    """Yield the panels of both sides; of a side without processes on this machine, or a single stretch, none."""
    sides = [
        _Side(name, start, stretches)
        for name, start, stretches in (
            ("target", probe.target_at_start, probe.target),
            ("client", probe.client_at_start, probe.client),
        )
        if len(stretches) > 1 and stretches[-1].processes
    ]
    yield from (side.draw_cpu() for side in sides)
    for rate in _RATES:
        yield from (side.draw_rate(rate) for side in sides)
    for state in _STATES:
        yield from (panel for side in sides if (panel := side.draw_state(state)) is not None)


def socket_panels(probe: SocketsProbe) -> Iterator[TimePanel]:
    """Yield the panels of a probe with times; runs from before there were times have none."""
    readings = [(reading.at_ns / 1e9, reading) for reading in probe.readings if reading.at_ns is not None]
    if len(readings) < 3:
        return
    seconds = tuple(moment for moment, _ in readings)
    states = [reading for _, reading in readings]
    sockets = (
        TimeLine("in use", tuple(reading.in_use for reading in states)),
        TimeLine("in TIME_WAIT", tuple(reading.time_wait for reading in states)),
        TimeLine("without a process", tuple(reading.orphans for reading in states)),
    )
    buffers = TimeLine("", tuple(reading.buffers_bytes / _KIB for reading in states))
    changed = any(state_changed(line.values, least=64, share=0.05) for line in sockets)
    yield TimePanel("TCP sockets of the machine", "", "points", seconds, sockets, changed)
    # The kernel adds up each core's part only now and then, so that half a MiB comes and goes on an idle machine.
    buffers_changed = state_changed(buffers.values, least=1024, share=0.2)
    yield TimePanel("Memory of TCP buffers", "KiB", "points", seconds, (buffers,), buffers_changed)
    yield _trouble(seconds, states)


def rate_changed(counts: Sequence[int], seconds: Sequence[float], least: float) -> bool:
    """Whether a rate changed by at least `least` counts per second.

    `counts` lie between each of `seconds` and the next. The rule is the verdict's for throughput: a stretch apart from
    the rest, or a trend, that stands out of the scatter and is a fifth of the whole.
    """
    if not sum(counts):
        return False
    stretches = zip(counts, itertools.pairwise(seconds), strict=True)
    found = find_change([Interval(start=start, end=end, requests=count) for count, (start, end) in stretches])
    if found is None:
        return False
    before, after = (found.outside, found.inside) if isinstance(found, Shift) else (found.at_start, found.at_end)
    return abs(after - before) >= least


def state_changed(values: Sequence[float | None], least: float, share: float) -> bool:
    """Whether the highest value is above the lowest by more than `least`, and by more than that share of itself."""
    known = [value for value in values if value is not None]
    return bool(known) and max(known) - min(known) > max(least, share * max(known))


@dataclass(frozen=True, slots=True)
class _Rate:
    """Counters drawn as rates: `per_unit` counts are one of `unit`, and a change of `least` units is of consequence."""

    title: str
    unit: str
    counters: Mapping[str, Callable[[ProcessUsage], int]]
    per_unit: float
    least: float
    shape: Shape = "steps"


@dataclass(frozen=True, slots=True)
class _State:
    """Figures of a moment. A change is of consequence when it is above `least` units and that `share` of the figure."""

    title: str
    unit: str
    figures: Mapping[str, Callable[[ProcessState], float | None]]
    least: float
    share: float


_CPU: Final = _Rate(
    title="CPU",
    unit="cores",
    counters={"user": lambda usage: usage.cpu_user_ns, "system": lambda usage: usage.cpu_system_ns},
    per_unit=_S_NS,
    least=0.1,
    shape="stack",
)
_CPU_UNDIVIDED: Final = replace(_CPU, counters={"": lambda usage: usage.cpu_ns}, shape="steps")
_RATES: Final = (
    _Rate(
        title="Context switches",
        unit="/s",
        counters={
            "voluntary": lambda usage: usage.context_switches - usage.involuntary_switches,
            "involuntary": lambda usage: usage.involuntary_switches,
        },
        per_unit=1,
        least=300,
    ),
    _Rate(
        title="Run-queue wait",
        unit="ms/s",
        counters={"": lambda usage: usage.run_queue_wait_ns},
        per_unit=_MS_NS,
        least=20,
    ),
)
_STATES: Final = (
    _State(
        title="Memory",
        unit="MiB",
        figures={
            "RSS": lambda state: state.rss_bytes / _MIB,
            "PSS": lambda state: None if state.pss_bytes is None else state.pss_bytes / _MIB,
        },
        least=1,
        share=0.05,
    ),
    _State(title="Threads", unit="", figures={"": lambda state: state.threads}, least=0, share=0),
    _State(title="Open descriptors", unit="", figures={"": lambda state: state.open_descriptors}, least=16, share=0.05),
)


class _Side:
    """One side's stretches, and its states: at the end of each, and at the start unless the run is from before that."""

    def __init__(self, name: str, start: ProcessState | None, stretches: Sequence[ProcessUsage]) -> None:
        self._name = name
        self._stretches = stretches
        self._states: list[ProcessState] = [*([start] if start else []), *stretches]
        self._seconds = (0.0, *itertools.accumulate(stretch.window_ns / _S_NS for stretch in stretches))

    def draw_cpu(self) -> TimePanel:
        """Return the panel of CPU time, user and system apart where that is known of most stretches."""
        divisible = sum(stretch.is_divisible for stretch in self._stretches)
        return self.draw_rate(_CPU if 2 * divisible > len(self._stretches) else _CPU_UNDIVIDED)

    def draw_rate(self, rate: _Rate) -> TimePanel:
        counts = {name: [read(stretch) for stretch in self._stretches] for name, read in rate.counters.items()}
        lengths = [stretch.window_ns / _S_NS for stretch in self._stretches]
        return TimePanel(
            title=f"{rate.title} of the {self._name}",
            unit=rate.unit,
            shape=rate.shape,
            seconds=self._seconds,
            lines=tuple(
                TimeLine(
                    name, tuple(count / rate.per_unit / length for count, length in zip(each, lengths, strict=True))
                )
                for name, each in counts.items()
            ),
            changed=any(rate_changed(each, self._seconds, rate.least * rate.per_unit) for each in counts.values()),
        )

    def draw_state(self, state: _State) -> TimePanel | None:
        """Return the panel, None where nothing of it is known; what was read now and then has gaps between."""
        read_at_all = {name: tuple(map(read, self._states)) for name, read in state.figures.items()}
        lines = tuple(TimeLine(name, values) for name, values in read_at_all.items() if set(values) != {None})
        if not lines:
            return None
        return TimePanel(
            title=f"{state.title} of the {self._name}",
            unit=state.unit,
            shape="points",
            seconds=self._seconds[-len(self._states) :],
            lines=lines,
            changed=any(state_changed(line.values, state.least, state.share) for line in lines),
        )


def _trouble(seconds: tuple[float, ...], states: list[SocketsReading]) -> TimePanel:
    """What should not happen at all: any of it is a change."""
    counted = [after.counters.since(before.counters) for before, after in itertools.pairwise(states)]
    lengths = [end - start for start, end in itertools.pairwise(seconds)]
    counts = {
        "sent again": [each.retransmitted for each in counted],
        "accept queue full": [each.listen_overflows for each in counted],
        "dropped": [each.listen_drops for each in counted],
    }
    return TimePanel(
        title="TCP retransmits and drops",
        unit="/s",
        shape="steps",
        seconds=seconds,
        lines=tuple(
            TimeLine(name, tuple(count / length for count, length in zip(each, lengths, strict=True)))
            for name, each in counts.items()
        ),
        changed=any(any(each) for each in counts.values()),
    )
