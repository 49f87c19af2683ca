"""Does the verdict find faults, and only faults? Faults provoked on purpose, and clean runs, through the real program.

    .venv/bin/python benchmarks/verdict.py [--clean 20] [--faults disturbed-client stalled-target]

First each fault is provoked for real while `loadlab run` measures a bundled target (processes stopped, killed, starved
of descriptors, cores taken), and the finding's code is looked for. Then come runs with nothing wrong, half of them
closed, half open, in which every finding beyond a note is a false alarm. All need a quiet machine: the benchmark waits
for one, and repeats a run in which other processes used the CPU, by their accounting in /proc. Prints a table; ends
with code 1 if a fault was missed.

Faults that would change the machine for everyone on it are not provoked: stolen time, cores that change their speed, a
wall clock that is set, a range of local ports that is too narrow. Their rules are tested with synthetic evidence
(tests/unit/analysis/verdict).
"""

import argparse
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.probes.procfs import GroupReading, read_group, usage_between
from loadlab.processes import choose_placement, spawn
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Finding
from loadlab.targets import catalog, why_missing

# From the start of the load workers until well into the window: they connect, and warm up for half a second.
_INTO_WINDOW_SECONDS: Final = 1.5
_PATIENCE_SECONDS: Final = 20.0
_BURN: Final = "while True: pass"
_CORES: Final = choose_placement(os.sched_getaffinity(0))
_QUIET_CORES: Final = 0.05
_QUIET_SECONDS: Final = 2.0
_LONGEST_WAIT_SECONDS: Final = 1800.0


class NotProvoked(Exception):
    """A fault could not be provoked; the text says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """A `loadlab run` under way, by its pid."""

    pid: int

    def processes(self, part_of_command: str) -> list[int]:
        """Return its processes with those words in their command line, waiting until there is one."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = [pid for pid in _descendants(self.pid) if part_of_command in _command_line(pid)]
            if found:
                return found
            time.sleep(0.02)
        raise NotProvoked(f"no process '{part_of_command}' appeared")

    def wait_in_window(self) -> None:
        """Return when the measured window has begun."""
        self.processes("loadlab.fleet.worker")
        time.sleep(_INTO_WINDOW_SECONDS)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to provoke. `load` and `more` are lines of the profile; `codes` are the findings that must report it."""

    name: str
    codes: Collection[str]
    load: str
    provoke: Callable[[Run], None] = Run.wait_in_window
    server: str = "epoll"
    more: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of a run: the findings of its one trial, and the program's exit code."""

    findings: Sequence[Finding]
    exit_code: int

    @property
    def codes(self) -> set[str]:
        return {finding.code for finding in self.findings}

    def describe(self, beyond_notes: bool = False) -> str:
        listed = [each for each in self.findings if not (beyond_notes and each.severity == "note")]
        return "; ".join(f"{each.code} ({each.severity}): {each.evidence}" for each in listed) or "nothing"


def main() -> None:
    """Provoke the faults, then make the clean runs, and print what was found."""
    arguments = _parse_arguments()
    missed = 0
    for fault in FAULTS:
        if arguments.faults is None or fault.name in arguments.faults:
            missed += not try_fault(fault)
    alarms = 0
    for number in range(arguments.clean):
        alarms += not try_clean(number)
    print(f"faults missed: {missed}; clean runs with an alarm: {alarms} of {arguments.clean}")
    sys.exit(1 if missed else 0)


def try_fault(fault: Fault) -> bool:
    """Provoke one fault, print a line, and return whether all of its codes were found."""
    if lack := why_missing(catalog()[fault.server]):
        print(f"{'not here':8}  {fault.name:20}  {lack}")
        return True
    try:
        judged = run_undisturbed(_profile(fault.name, fault.server, fault.load, fault.more), fault.provoke)
    except NotProvoked as reason:
        print(f"{'FAILED':8}  {fault.name:20}  {reason}")
        return False
    found = set(fault.codes) <= judged.codes
    print(f"{'found' if found else 'MISSED':8}  {fault.name:20}  {', '.join(fault.codes)}")
    print(f"{'':10}findings, with exit code {judged.exit_code}: {judged.describe()}", flush=True)
    return found


def try_clean(number: int) -> bool:
    """Make one run with nothing wrong, print a line, and return whether it was valid."""
    arrivals = "constant" if number % 4 == 1 else "poisson"
    model = f"connections: 64, rate: {1000 + 100 * number}, arrivals: {arrivals}"
    if number % 2 == 0:
        model = f"connections: {16 + 2 * number}"
    load = f"{{{model}, warmup: 500ms, duration: 4s}}"
    judged = run_undisturbed(_profile("clean", "epoll", load), lambda _run: None)
    alarms = [finding for finding in judged.findings if finding.severity != "note"]
    print(f"{'ALARM' if alarms else 'clean':8}  {load}", flush=True)
    if alarms:
        print(f"{'':10}findings: {judged.describe(beyond_notes=True)}", flush=True)
    return not alarms


def run_undisturbed(profile: str, provoke: Callable[[Run], None]) -> Judged:
    """Repeat `run_profile` until no other process used the CPU meanwhile. Raises NotProvoked if one always does."""
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while time.monotonic() < deadline:
        before = _read_others()
        time.sleep(_QUIET_SECONDS)
        if usage_between(before, _read_others()).busy > _QUIET_CORES:
            continue
        before = _read_others()
        judged = run_profile(profile, provoke)
        if usage_between(before, _read_others()).busy <= _QUIET_CORES:
            return judged
    raise NotProvoked("this machine was never quiet")


def _read_others() -> GroupReading:
    """Read all user processes but this one; those of a run have ended by then, or not begun."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return read_group([pid for pid in pids if pid != os.getpid() and _command_line(pid)], time.monotonic_ns())


def run_profile(profile: str, provoke: Callable[[Run], None]) -> Judged:
    """Run a profile of one trial with the program while `provoke` acts on it. Raises NotProvoked."""
    with tempfile.TemporaryDirectory(prefix="loadlab-verdict-") as directory:
        file = Path(directory, "profile.yaml")
        file.write_text(profile)
        command = [sys.executable, "-m", "loadlab", "run", str(file), "--out", directory, "--json", "--no-calibrate"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            try:
                provoke(Run(program.pid))
            except NotProvoked as reason:
                program.terminate()
                raise NotProvoked(f"{reason}: {program.communicate()[1].decode()[-500:]}") from None
            output, errors = program.communicate()
    try:
        document = RunDocument.model_validate(json.loads(output))
    except ValueError:
        raise NotProvoked(f"the program ended with code {program.returncode}: {errors.decode()[-500:]}") from None
    return Judged(document.trials[0].verdict.findings, program.returncode)


def _profile(name: str, server: str, load: str, more: str = "") -> str:
    return f"name: {name}\ntarget: {{server: {server}}}\nload: {load}\n{more}\n"


def _stop_for(part_of_command: str, seconds: float) -> Callable[[Run], None]:
    def provoke(run: Run) -> None:
        run.wait_in_window()
        pids = run.processes(part_of_command)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    return provoke


def _burn_on(core: int) -> Callable[[Run], None]:
    def provoke(run: Run) -> None:
        run.wait_in_window()
        with spawn("burner", [sys.executable, "-c", _BURN], cpus=[core]):
            time.sleep(2.5)

    return provoke


def _kill_target(run: Run) -> None:
    run.wait_in_window()
    os.kill(run.processes("epoll_loop.py")[0], signal.SIGKILL)


def _kill_children(run: Run) -> None:
    """Kill half the processes of a server with one per connection, but not the parent, which has the lowest pid."""
    run.wait_in_window()
    children = sorted(run.processes("fork_server.py"))[1:]
    for pid in children[::2]:
        os.kill(pid, signal.SIGKILL)


def _starve(part_of_command: str) -> Callable[[Run], None]:
    """Lower the limit of descriptors below what processes have open: those stay open, and none can be added."""

    def provoke(run: Run) -> None:
        run.wait_in_window()
        for pid in run.processes(part_of_command):
            _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) // 2, hard))

    return provoke


def _starve_client(run: Run) -> None:
    """Leave the client no descriptor for the connections that it then has to open again."""
    _starve("loadlab.fleet.worker")(run)
    _kill_children(run)


def _flood(run: Run) -> None:
    """Open more connections to a target that stands still than its backlog holds."""
    run.wait_in_window()
    (pid,) = run.processes("epoll_loop.py")
    port = _listening_port(pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        with ExitStack() as stack:
            for _ in range(4_500):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
    finally:
        os.kill(pid, signal.SIGCONT)


def _interrupt(run: Run) -> None:
    run.wait_in_window()
    os.kill(run.pid, signal.SIGINT)


def _listening_port(pid: int) -> int:
    opened = {os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if state == "0A" and f"socket:[{line.split()[9]}]" in opened:
            return int(local.partition(":")[2], 16)
    raise NotProvoked("the target's port was not found")


def _descendants(pid: int) -> list[int]:
    """Return its children (started by its first thread, as all of loadlab's are), theirs, and so on."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []  # it has ended
    return [*children, *(each for child in children for each in _descendants(child))]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


FAULTS: Final = (
    Fault("disturbed-client", ["disturbed"], "{connections: 32, warmup: 500ms, duration: 4s}",
          _burn_on(_CORES.load[0])),
    Fault("disturbed-target", ["disturbed"], "{connections: 32, warmup: 500ms, duration: 4s}",
          _burn_on(_CORES.target[0])),
    Fault("disturbed-open", ["disturbed"], "{connections: 64, rate: 2k, warmup: 500ms, duration: 4s}",
          _burn_on(_CORES.load[0])),
    Fault("stalled-target", ["unsteady"], "{connections: 32, warmup: 500ms, duration: 4s}",
          _stop_for("epoll_loop.py", 0.5)),
    Fault("stalled-client", ["unsteady"], "{connections: 32, warmup: 500ms, duration: 4s}",
          _stop_for("loadlab.fleet.worker", 0.5)),
    Fault("stalled-client-open", ["late"], "{connections: 64, rate: 2k, warmup: 500ms, duration: 4s}",
          _stop_for("loadlab.fleet.worker", 0.6)),
    Fault("overload", ["dropped", "late"], "{connections: 64, rate: 100k, warmup: 500ms, duration: 4s}"),
    Fault("too-few-connections", ["dropped", "late"],
          "{connections: 2, rate: 1k, path: '/sleep?ms=10', warmup: 500ms, duration: 4s}", server="callback"),
    Fault("client-is-slower", ["client_bound"], "{connections: 256, warmup: 500ms, duration: 4s}", server="nginx"),
    Fault("one-core", ["shared_core"], "{connections: 32, warmup: 500ms, duration: 2s}",
          more=f"placement: {{target: [{_CORES.load[0]}], load: [{_CORES.load[0]}]}}"),
    Fault("too-short", ["few_samples"], "{connections: 1, warmup: 100ms, duration: 10ms}", lambda _run: None),
    Fault("interrupted", ["short_window"], "{connections: 16, warmup: 500ms, duration: 10s}", _interrupt),
    Fault("wrong-path", ["no_requests", "failures"], "{connections: 16, path: /nothing, warmup: 500ms, duration: 1s}"),
    Fault("target-killed", ["target_died"], "{connections: 16, warmup: 500ms, duration: 4s}", _kill_target),
    Fault("processes-killed", ["target_process_ended", "idle_died"],
          "{connections: 16, idle: 32, warmup: 500ms, duration: 4s}", _kill_children, server="fork"),
    Fault("target-out-of-files", ["target_out_of_files"],
          "{connections: 16, idle: 64, idle_kind: churn, idle_pace: 50ms, warmup: 500ms, duration: 4s}",
          _starve("epoll_loop.py")),
    Fault("client-out-of-files", ["client_out_of_files"], "{connections: 16, warmup: 500ms, duration: 4s}",
          _starve_client, server="fork"),
    Fault("queue-full", ["listen_queue_full"], "{connections: 16, warmup: 500ms, duration: 4s}", _flood),
)  # fmt: skip


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Faults that the verdict has to find, and clean runs.")
    parser.add_argument("--clean", type=int, default=20, help="clean runs (default %(default)s)")
    parser.add_argument(
        "--faults",
        nargs="*",
        choices=[fault.name for fault in FAULTS],
        metavar="NAME",
        help="only these (default: all)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
