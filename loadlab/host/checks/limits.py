"""Checks of what can run out: descriptors, ports, memory, table entries, processes. What lacks there stops a trial."""

from mmap import PAGESIZE
from typing import Final

from loadlab.host.checks.diagnosis import Diagnosis, State
from loadlab.host.machine import Condition, TaskLimit
from loadlab.host.requirements import Needs
from loadlab.units import format_size_bytes

_NO_LIMIT: Final = 1 << 62  # what the kernel shows for none is a little below 2^63
_RESERVED_TASKS: Final = 64  # as the targets leave, for whatever else is started meanwhile
# Of two ends, each with a page for a request or an answer under way.
_BUFFER_BYTES_PER_ACTIVE: Final = 2 * PAGESIZE


def check_open_files(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare the hard limit with the process that holds most; each raises its own soft limit to that."""
    name, files, needed = "open files", condition.files, needs.open_files
    here = f"{files.hard:,} in a process"
    if files.soft < files.hard:
        here += f" (soft limit {files.soft:,}, which each raises)"
    if needed <= files.hard:
        return Diagnosis(name, here, f"{needed:,} in a process")
    raised = f"`ulimit -n {needed}` as root in the shell that starts loadlab, or LimitNOFILE={needed} in a service"
    if files.highest_hard is not None and needed > files.highest_hard:
        raised = f"`sysctl fs.nr_open={needed}`, then {raised}"
    return Diagnosis(
        name,
        here,
        f"{needed:,} in a process",
        State.BLOCKER,
        f"one process would have {needed:,} files open, and the hard limit is {files.hard:,}",
        f"raise it ({raised}), or spread the target over more processes (target.processes)",
    )


def check_all_open_files(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare what the whole machine may have open with both ends of all connections."""
    name, files, needed = "open files, machine", condition.files, f"{needs.files:,}"
    if files.machine is None or files.machine >= _NO_LIMIT:
        return Diagnosis(name, "no limit", needed)
    free = files.machine - files.machine_open
    here = f"{free:,} free of {files.machine:,}"
    if needs.files <= free or not files.machine_binds:
        return Diagnosis(name, here, needed)
    return Diagnosis(
        name,
        here,
        needed,
        State.BLOCKER,
        f"{needed} files would be open in all processes together, and {free:,} may be",
        f"`sysctl fs.file-max={files.machine_open + needs.files}`",
    )


def check_local_ports(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare the range of local ports with the connections that loadlab opens from one source address."""
    name, needed = "local ports", f"{needs.ports:,} of a source address"
    if condition.network.local_ports is None:
        return Diagnosis(name, "unknown", needed)
    first, last = condition.network.local_ports
    count = last - first + 1
    here = f"{count:,}, from {first} to {last}"
    if needs.ports <= count:
        return Diagnosis(name, here, needed)
    wider = "1024 65535" if needs.ports > 60_999 - 32_768 else "32768 60999"
    return Diagnosis(
        name,
        here,
        needed,
        State.BLOCKER,
        f"{needs.ports:,} connections would leave from one address, which has {count:,} local ports",
        f"`sysctl net.ipv4.ip_local_port_range='{wider}'`",
    )


def check_tracking(condition: Condition, needs: Needs) -> Diagnosis:
    """Look whether netfilter tracks connections here, which costs time for each packet, and whether all would fit."""
    name, tracked, most = "connection tracking", condition.network.tracked, condition.network.most_tracked
    needed = f"{needs.connections:,}"
    if tracked is None or most is None:
        return Diagnosis(name, "not loaded", needed)
    if tracked == 0:
        return Diagnosis(name, "loaded, but tracks nothing here", needed)
    here = f"{tracked:,} of {most:,}"
    if needs.connections > most - tracked:
        return Diagnosis(
            name,
            here,
            needed,
            State.BLOCKER,
            f"{needed} connections would be tracked beside {tracked:,} others, and {most:,} can be",
            f"`sysctl net.netfilter.nf_conntrack_max={tracked + needs.connections}`, "
            "or `iptables -t raw -A OUTPUT -o lo -j CT --notrack`",
        )
    if needs.connections == 0:
        return Diagnosis(name, here, needed)
    return Diagnosis(
        name,
        here,
        needed,
        State.WARNING,
        "the firewall tracks every connection, which costs target and load time for each packet",
        "leave loopback out: `iptables -t raw -A OUTPUT -o lo -j CT --notrack`",
    )


def check_memory(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare the memory that is available with what connections and processes take."""
    available_bytes, needed_bytes = condition.memory.available_bytes, needs.memory_bytes
    name, needed, here = "memory", format_size_bytes(needed_bytes), f"{format_size_bytes(available_bytes)} available"
    if needed_bytes <= available_bytes:
        return Diagnosis(name, here, needed)
    missing = format_size_bytes(needed_bytes - available_bytes)
    fix = f"free {missing}"
    if needs.connections:
        fitting = _round_down(needs.connections * available_bytes // needed_bytes)
        fix += f", or ask for fewer connections: about {fitting:,} fit"
    whose = f"{needs.connections:,} connections and their processes" if needs.connections else "this"
    return Diagnosis(
        name,
        here,
        needed,
        State.BLOCKER,
        f"{whose} would take {needed} of memory, and {format_size_bytes(available_bytes)} are available",
        fix,
    )


def check_tcp_memory(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare the buffers of those connections that send with what the kernel gives to TCP without pressure."""
    name, pressure_bytes = "TCP buffers", condition.memory.tcp_pressure_bytes
    needed_bytes = needs.active * _BUFFER_BYTES_PER_ACTIVE
    needed = format_size_bytes(needed_bytes)
    if pressure_bytes is None:
        return Diagnosis(name, "unknown", needed)
    here = f"{format_size_bytes(pressure_bytes)} before pressure"
    if needed_bytes <= pressure_bytes:
        return Diagnosis(name, here, needed)
    pages = needed_bytes // PAGESIZE
    return Diagnosis(
        name,
        here,
        needed,
        State.WARNING,
        f"{needs.active:,} active connections may take {needed} of buffers; the kernel shrinks them from "
        f"{format_size_bytes(pressure_bytes)} on",
        f"`sysctl net.ipv4.tcp_mem='{pages} {pages * 4 // 3} {pages * 2}'`",
    )


def check_tasks(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare the processes and threads of a trial with the tightest of the limits on them."""
    name, needed = "processes", f"{needs.tasks:,} with threads"
    if not condition.tasks.limits:
        return Diagnosis(name, "unknown", needed)
    tightest = min(condition.tasks.limits, key=_free_tasks)
    free = _free_tasks(tightest)
    here = f"{free:,} more ({tightest.name} {tightest.most:,})"
    if needs.tasks <= free:
        return Diagnosis(name, here, needed)
    wanted = tightest.running + needs.tasks + _RESERVED_TASKS
    fixes = {
        "ulimit -u": f"`ulimit -u {wanted}` as root in the shell that starts loadlab",
        "pids.max": f"raise the limit of the control group: `docker run --pids-limit {wanted}`, TasksMax={wanted}",
    }
    return Diagnosis(
        name,
        here,
        needed,
        State.BLOCKER,
        f"{needs.tasks:,} processes and threads would run, and {tightest.name} leaves room for {free:,}",
        fixes.get(tightest.name, f"`sysctl {tightest.name}={wanted}`"),
    )


def check_maps(condition: Condition, needs: Needs) -> Diagnosis:
    """Compare the memory maps of a process with many threads with the limit on them; each stack takes two."""
    name, most = "memory maps", condition.tasks.most_maps
    needed = f"{needs.maps:,} in a process" if needs.maps else None
    if most is None:
        return Diagnosis(name, "unknown", needed)
    here = f"{most:,} in a process"
    wanted = needs.maps + 2 * _RESERVED_TASKS
    if wanted <= most or needs.maps == 0:
        return Diagnosis(name, here, needed)
    return Diagnosis(
        name,
        here,
        needed,
        State.BLOCKER,
        f"the stacks of {needs.maps // 2:,} threads would take {needs.maps:,} memory maps, and {most:,} are allowed",
        f"`sysctl vm.max_map_count={wanted}`",
    )


def _round_down(number: int) -> int:
    """Return the number with all but its first two digits made 0."""
    digits = str(number)
    return int(digits[:2].ljust(len(digits), "0"))


def _free_tasks(limit: TaskLimit) -> int:
    return max(0, limit.most - limit.running - _RESERVED_TASKS)
