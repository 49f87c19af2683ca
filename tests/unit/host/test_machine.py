"""Looking at machines: one made of files, and this one."""

import os
from mmap import PAGESIZE
from pathlib import Path

from loadlab.host.machine import TaskLimit, read_condition

from .files import write_files

# What every Linux shows.
BARE = {
    "proc/loadavg": "1.25 0.50 0.25 2/143 4711\n",
    "proc/meminfo": "MemTotal: 4000 kB\nMemAvailable: 3000 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\n",
    "proc/self/cgroup": "0::/\n",
    "proc/self/status": "Name:\tpython\nCapEff:\t0000000000000000\n",
}
FULL = {
    **BARE,
    "proc/self/status": "CapInh:\t0\nCapEff:\t0000000000200000\n",
    "proc/sys/fs/file-max": "5000\n",
    "proc/sys/fs/file-nr": "300\t0\t5000\n",
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/sys/kernel/pid_max": "32768\n",
    "proc/sys/kernel/threads-max": "9000\n",
    "proc/sys/net/core/somaxconn": "128\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "256\n",
    "proc/sys/net/ipv4/tcp_mem": "10\t20\t30\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "7\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "1000\n",
    "proc/sys/vm/max_map_count": "65530\n",
    "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet \n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/fs/cgroup/pids.max": "600\n",
    "sys/fs/cgroup/pids.current": "50\n",
    "sys/fs/cgroup/memory.max": f"{2000 * 1024}\n",
    "sys/fs/cgroup/memory.current": "0\n",
}


def test_everything_is_read_where_it_is_shown(tmp_path: Path) -> None:
    write_files(tmp_path, FULL)
    found = read_condition(tmp_path)
    assert found.processor.load_average == 1.25
    assert found.processor.governors == {"powersave", "performance"}
    assert (found.processor.clock_source, found.processor.clock_sources) == ("hpet", ("tsc", "hpet"))
    assert found.memory.total_bytes == 4000 * 1024
    assert found.memory.available_bytes == 2000 * 1024  # the control group has less than the machine
    assert found.memory.swapped_bytes == 60 * 1024
    assert found.memory.tcp_pressure_bytes == 20 * PAGESIZE
    assert (found.files.machine, found.files.machine_open, found.files.highest_hard) == (5000, 300, 1 << 20)
    assert not found.files.machine_binds  # we are told to have CAP_SYS_ADMIN
    assert found.network.local_ports == (32768, 60999)
    assert (found.network.backlog, found.network.handshakes) == (128, 256)
    assert (found.network.tracked, found.network.most_tracked) == (7, 1000)
    assert TaskLimit("kernel.pid_max", 32768, 143) in found.tasks.limits
    assert TaskLimit("kernel.threads-max", 9000, 143) in found.tasks.limits
    assert TaskLimit("pids.max", 600, 50) in found.tasks.limits
    assert found.tasks.most_maps == 65530


def test_what_is_not_shown_is_unknown(tmp_path: Path) -> None:
    write_files(tmp_path, BARE)
    found = read_condition(tmp_path)
    assert (found.processor.governors, found.processor.clock_source) == (frozenset(), None)
    assert (found.memory.available_bytes, found.memory.tcp_pressure_bytes) == (3000 * 1024, None)
    assert (found.files.machine, found.files.highest_hard) == (None, None)
    assert found.files.machine_binds
    assert (found.network.local_ports, found.network.backlog, found.network.tracked) == (None, None, None)
    assert {limit.name for limit in found.tasks.limits} <= {"ulimit -u"}


def test_a_machine_without_swap_has_swapped_nothing(tmp_path: Path) -> None:
    write_files(tmp_path, {**BARE, "proc/meminfo": "MemTotal: 4000 kB\nMemAvailable: 3000 kB\n"})
    assert read_condition(tmp_path).memory.swapped_bytes == 0


def test_a_full_control_group_leaves_nothing(tmp_path: Path) -> None:
    full = {"sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.current": "1024\n"}
    write_files(tmp_path, {**BARE, **full})
    assert read_condition(tmp_path).memory.available_bytes == 0


def test_this_machine_can_be_looked_at() -> None:
    found = read_condition()
    assert found.processor.cores == tuple(sorted(os.sched_getaffinity(0)))
    assert 0 < found.memory.available_bytes <= found.memory.total_bytes
    assert found.files.soft <= found.files.hard
    assert all(limit.running > 0 for limit in found.tasks.limits)
