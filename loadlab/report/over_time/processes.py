"""What target and client used and had, from the probe `procfs`."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadlab.report.over_time.movement import rate_moved, state_moved
from loadlab.report.over_time.panel import Line, Panel, Shape
from loadlab.results.model import ProcessState, ProcessUsage, ProcfsProbe

_MS_NS: Final = 1e6
_S_NS: Final = 1e9
_MIB: Final = 1 << 20


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


def process_panels(probe: ProcfsProbe) -> Iterator[Panel]:
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


class _Side:
    """One side's stretches, and its states: at the end of each, and at the start unless the run is from before that."""

    def __init__(self, name: str, start: ProcessState | None, stretches: Sequence[ProcessUsage]) -> None:
        self._name = name
        self._stretches = stretches
        self._states: list[ProcessState] = [*([start] if start else []), *stretches]
        self._seconds = (0.0, *itertools.accumulate(stretch.window_ns / _S_NS for stretch in stretches))

    def draw_cpu(self) -> Panel:
        """Return the panel of CPU time, user and system apart where that is known of most stretches."""
        divisible = sum(stretch.is_divisible for stretch in self._stretches)
        return self.draw_rate(_CPU if 2 * divisible > len(self._stretches) else _CPU_UNDIVIDED)

    def draw_rate(self, rate: _Rate) -> Panel:
        counts = {name: [read(stretch) for stretch in self._stretches] for name, read in rate.counters.items()}
        lengths = [stretch.window_ns / _S_NS for stretch in self._stretches]
        return Panel(
            title=f"{rate.title} of the {self._name}",
            unit=rate.unit,
            shape=rate.shape,
            seconds=self._seconds,
            lines=tuple(
                Line(name, tuple(count / rate.per_unit / length for count, length in zip(each, lengths, strict=True)))
                for name, each in counts.items()
            ),
            moved=any(rate_moved(each, self._seconds, rate.least * rate.per_unit) for each in counts.values()),
        )

    def draw_state(self, state: _State) -> Panel | None:
        """Return the panel, None where nothing of it is known; what was read now and then has gaps between."""
        read_at_all = {name: tuple(map(read, self._states)) for name, read in state.figures.items()}
        lines = tuple(Line(name, values) for name, values in read_at_all.items() if set(values) != {None})
        if not lines:
            return None
        return Panel(
            title=f"{state.title} of the {self._name}",
            unit=state.unit,
            shape="points",
            seconds=self._seconds[-len(self._states) :],
            lines=lines,
            moved=any(state_moved(line.values, state.least, state.share) for line in lines),
        )
