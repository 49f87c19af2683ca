"""The program with something changed that a user cannot change: `python driver.py [what] -- VERB ...`."""

import argparse
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

from loadlab import installation

_shipped = installation.bundled_directory


def use_targets(directory: Path) -> None:
    """Find the targets in `directory`. Call it before anything else of loadlab is imported."""

    def find(kind: Literal["targets", "profiles"]) -> Path:
        return directory if kind == "targets" else _shipped(kind)

    patch("loadlab.installation.bundled_directory", find).start()


def expect_ready_within(target: str, seconds: float) -> None:
    """Shorten the time that one target has to start."""
    from loadlab.targets import RunningTarget, TargetDescription, launch

    def launcher_of(description: TargetDescription) -> Callable[..., RunningTarget]:
        return partial(launch, start_timeout_seconds=seconds) if description.name == target else launch

    patch("loadlab.targets.launch", lambda described, **how: launcher_of(described)(described, **how)).start()


def lose_patience_after(seconds: float) -> None:
    """Shorten the time for which load processes may say nothing."""
    patch("loadlab.experiment.ends._PATIENCE_SECONDS", seconds).start()


def kill_after(seconds: float) -> None:
    """Shorten the time that a command has to end when it is asked to."""
    patch("loadlab.targets.commands._GRACE_SECONDS", seconds).start()


def stop_workers_at_the_start() -> None:
    """Let no load worker run on once all are ready, as if the machine had no time left for them."""
    from loadlab.fleet.coordinator import LocalFleet
    from loadlab.fleet.messages import Plan

    original = LocalFleet.measure

    def stop_and_measure(fleet: LocalFleet, plan: Plan) -> None:
        for pid in fleet.worker_pids():
            os.kill(pid, signal.SIGSTOP)
        original(fleet, plan)

    patch.object(LocalFleet, "measure", stop_and_measure).start()


def calibrate_for(duration: str) -> None:
    """Let `loadlab calibrate` measure so long in each of its settings."""
    from loadlab.experiment.calibration import THOROUGH

    settings = tuple(dataclasses.replace(setting, duration=duration) for setting in THOROUGH)
    patch("loadlab.cli.calibrate.THOROUGH", settings).start()


def limit_fleet(open_files: int) -> None:
    """Let load workers and idle holders open so many files each, and leave the target its own limit."""
    from loadlab.processes import Child, spawn

    def spawn_limited(name: str, argv: Sequence[str], **how: Any) -> Child:  # noqa: ANN401 - handed on as they are
        return spawn(name, ["prlimit", f"--nofile={open_files}:{open_files}", *argv], **how)

    own = SimpleNamespace(of_this_process=lambda: SimpleNamespace(open_files_hard=open_files))
    patch("loadlab.fleet.coordinator.spawn", spawn_limited).start()
    patch("loadlab.experiment.context.OwnLimits", own).start()


def make_foreign(ip: str) -> None:
    """Let an address of this machine be one of another machine."""
    from loadlab.targets.names import is_of_this_machine

    def is_ours(asked: str) -> bool:
        return asked != ip and is_of_this_machine(asked)

    patch("loadlab.targets.is_of_this_machine", is_ours).start()
    patch("loadlab.targets.names.is_of_this_machine", is_ours).start()


def interrupt_before(method: str, call: int) -> None:
    """Press Ctrl-C just before the run directory's `method` is called for the `call`-th time."""
    from loadlab.results.directory import RunDirectory

    original = getattr(RunDirectory, method)
    calls = 0

    def interrupted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments)

    patch.object(RunDirectory, method, interrupted).start()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--targets", type=Path)
    parser.add_argument("--ready-within", metavar="TARGET:SECONDS")
    parser.add_argument("--patience", type=float, metavar="SECONDS")
    parser.add_argument("--grace", type=float, metavar="SECONDS")
    parser.add_argument("--stop-workers", action="store_true")
    parser.add_argument("--calibrate-for", metavar="DURATION")
    parser.add_argument("--fleet-open-files", type=int)
    parser.add_argument("--foreign", metavar="IP")
    parser.add_argument("--interrupt-before", metavar="METHOD:CALL")
    parser.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    if arguments.targets is not None:
        use_targets(arguments.targets)
    if arguments.ready_within is not None:
        target, _, seconds = arguments.ready_within.partition(":")
        expect_ready_within(target, float(seconds))
    if arguments.patience is not None:
        lose_patience_after(arguments.patience)
    if arguments.grace is not None:
        kill_after(arguments.grace)
    if arguments.stop_workers:
        stop_workers_at_the_start()
    if arguments.calibrate_for is not None:
        calibrate_for(arguments.calibrate_for)
    if arguments.fleet_open_files is not None:
        limit_fleet(arguments.fleet_open_files)
    if arguments.foreign is not None:
        make_foreign(arguments.foreign)
    if arguments.interrupt_before is not None:
        method, _, call = arguments.interrupt_before.partition(":")
        interrupt_before(method, int(call))
    from loadlab.cli import main as run_program

    sys.argv = ["loadlab", *arguments.program]
    run_program()


if __name__ == "__main__":
    main()
