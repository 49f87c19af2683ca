"""The machines of a cluster as `loadlab doctor` prints them: a row for each, and what is wrong with which of them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from loadlab.host import State
from loadlab.units import format_duration_ns, format_share, format_size_bytes

if TYPE_CHECKING:  # it needs Dask, which only a cluster does
    from loadlab.cluster.clocks import ClockOffset
    from loadlab.experiment.cluster_preflight import ClusterReadiness, MachineReadiness

_STYLES: Final = {State.OK: "green", State.WARNING: "yellow", State.BLOCKER: "red"}


def machines_table(cluster: "ClusterReadiness") -> Table:
    """Return a row for each machine: what it has, its clock against ours, its speed and state."""
    table = _table("cores", "files", "ports", "memory", "clock", "speed")
    table.add_column("", no_wrap=True)
    fastest_ns = min((machine.speed_ns for machine in cluster.machines if machine.speed_ns), default=None)
    for machine in cluster.machines:
        info, state = machine.info, worst_state(machine)
        first, last = info.local_ports
        table.add_row(
            machine.name,
            f"{machine.cores}",
            f"{info.open_files:,}",
            f"{last - first + 1:,}",
            format_size_bytes(info.memory_bytes) if info.memory_bytes else "-",
            format_clock(machine.clock),
            format_share(round(fastest_ns / machine.speed_ns, 2)) if fastest_ns and machine.speed_ns else "-",
            Text(state, style=_STYLES[state]),
        )
    return table


def parts_table(cluster: "ClusterReadiness") -> Table:
    """Return a row for each machine: its part of the load, in the trial in which that is largest."""
    table = _table("load workers", "connections", "idle holders", "idle", "memory")
    for machine in cluster.machines:
        part, size = machine.part, format_size_bytes(machine.needed.memory_bytes)
        counts = (part.workers, part.connections, part.holders, part.idle) if part is not None else ()
        cells = [f"{count:,}" for count in counts] or ["the target", "", "", ""]
        table.add_row(machine.name, *cells, size)
    return table


def worst_state(machine: "MachineReadiness") -> State:
    """Return the state of the check that found the worst."""
    states = {each.state for each in machine.diagnoses}
    return next((state for state in (State.BLOCKER, State.WARNING) if state in states), State.OK)


def format_clock(clock: "ClockOffset") -> str:
    """Return a machine's clock minus ours, and how well that is known."""
    if clock.bound_ns == 0:
        return "ours"
    sign = "-" if clock.offset_ns < 0 else "+"
    return f"{sign}{format_duration_ns(abs(clock.offset_ns))} ± {format_duration_ns(clock.bound_ns)}"


def machine_data(machine: "MachineReadiness") -> dict[str, object]:
    """Return a machine for programs."""
    return {
        "name": machine.name,
        **msgspec.to_builtins(machine.info, order="deterministic"),
        "cores": machine.cores,
        "part": None if machine.part is None else asdict(machine.part),
        "clock": asdict(machine.clock),
        "speed_ns": machine.speed_ns,
        "checks": [asdict(each) for each in machine.diagnoses],
    }


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
    table.add_column("machine", overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
