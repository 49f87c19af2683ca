"""What control groups of both versions count, from files that the test made."""

from collections.abc import Collection, Mapping

from loadlab.probes.throttling import limits_between, pressure_between, read_limits, read_limits_again
from loadlab.results.probe_data import ControlGroupUse, Pressure, Side

VERSION_1 = {
    "proc/1/cgroup": "2:cpu,cpuacct:/job/inner\n1:memory:/\n",
    "proc/2/cgroup": "2:cpu,cpuacct:/job\n1:memory:/\n",
    "nowhere/cpu,cpuacct/job/cpu.cfs_quota_us": "40000\n",
    "nowhere/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
    "nowhere/cpu,cpuacct/job/cpu.stat": "nr_periods 10\nnr_throttled 1\nthrottled_time 5000000\n",
    "nowhere/cpu,cpuacct/job/inner/cpu.cfs_quota_us": "-1\n",
    "nowhere/cpu,cpuacct/job/inner/cpu.cfs_period_us": "100000\n",
    "nowhere/cpu,cpuacct/job/inner/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
}
VERSION_2 = {
    "proc/1/cgroup": "0::/box\n",
    "proc/2/cgroup": "0::/\n",
    "proc/pressure/cpu": "some avg10=1.00 avg60=0.00 avg300=0.00 total=500\n",
    "proc/pressure/memory": "some avg10=0.00 total=20\nfull avg10=0.00 total=10\n",
    "nowhere/box/cpu.max": "max 100000\n",
    "nowhere/box/cpu.stat": "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
    "nowhere/box/memory.events": "low 0\nhigh 3\nmax 0\n",
    "nowhere/box/memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=100\nfull avg10=0.00 total=1\n",
}
PIDS: Mapping[Side, Collection[int]] = {"target": [1], "client": [2]}


class Files:
    """A dictionary of files, in which /sys/fs/cgroup is somewhere that does not exist, so that no link is followed."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)

    def __call__(self, name: str) -> str | None:
        return self.files.get(name.replace("sys/fs/cgroup", "nowhere"))


def test_a_quota_of_version_1_of_a_group_above_holds_both_sides() -> None:
    read = Files(VERSION_1)
    start = read_limits(PIDS, read)
    read.files["nowhere/cpu,cpuacct/job/cpu.stat"] = "nr_periods 40\nnr_throttled 25\nthrottled_time 905000000\n"
    assert limits_between(start, read_limits_again(start, read)) == [
        ControlGroupUse(
            group="/sys/fs/cgroup/cpu,cpuacct/job",
            holds=["client", "target"],
            quota_cores=0.4,
            periods=30,
            throttled_periods=24,
            throttled_ns=900_000_000,
        )
    ]


def test_a_quota_of_version_2_of_one_side_counts_in_microseconds() -> None:
    read = Files(VERSION_2 | {"nowhere/box/cpu.max": "150000 100000\n"})
    start = read_limits(PIDS, read)
    read.files["nowhere/box/cpu.stat"] = "nr_periods 10\nnr_throttled 4\nthrottled_usec 7\n"
    (use,) = limits_between(start, read_limits_again(start, read))
    assert (use.group, use.holds, use.quota_cores) == ("/sys/fs/cgroup/box", ["target"], 1.5)
    assert (use.periods, use.throttled_periods, use.throttled_ns, use.throttled_share) == (10, 4, 7_000, 0.4)


def test_a_group_that_exceeds_its_memory_high_is_listed_without_a_quota() -> None:
    read = Files(VERSION_2)
    start = read_limits(PIDS, read)
    assert limits_between(start, read_limits_again(start, read)) == []
    read.files["nowhere/box/memory.events"] = "low 0\nhigh 8\nmax 0\n"
    read.files["nowhere/box/memory.pressure"] = "some avg10=0.00 total=400\nfull avg10=0.00 total=1\n"
    (use,) = limits_between(start, read_limits_again(start, read))
    assert (use.memory_high, use.memory_pressure_ns, use.cpu_pressure_ns) == (5, 300_000, None)


def test_pressure_is_that_of_some_process_of_the_machine() -> None:
    read = Files(VERSION_2)
    start = read_limits(PIDS, read)
    read.files["proc/pressure/cpu"] = "some avg10=1.00 avg60=0.00 avg300=0.00 total=750\n"
    assert pressure_between(start, read_limits_again(start, read)) == Pressure(cpu_ns=250_000, memory_ns=0)


def test_what_the_kernel_does_not_show_is_unknown() -> None:
    read = Files({"proc/1/cgroup": "0::/gone\n", "proc/pressure/cpu": "\n"})
    start = read_limits(PIDS, read)
    end = read_limits_again(start, read)
    assert (limits_between(start, end), pressure_between(start, end)) == ([], Pressure())
