"""A run from Python, as `loadlab run` makes it: for pytest, notebooks and scripts. docs/python.md shows how."""

import os
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import ProfileError, ScenarioError
from loadlab.experiment.context import Observer, Unobserved
from loadlab.experiment.interruption import Interruption
from loadlab.experiment.run_plan import RunPlan, check_for_cluster, run_directory
from loadlab.experiment.target_side import check_hosts
from loadlab.profile import LoadedProfile, load_mapping, load_profile
from loadlab.profile.finding import find_profile
from loadlab.profile.writing import format_value
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster


def run_profile(
    profile: str | os.PathLike[str] | Mapping[str, object],
    *,
    settings: Mapping[str, object] | None = None,
    out: str | os.PathLike[str] | None = None,
    calibrate: bool = True,
    observer: Observer | None = None,
    cluster: str | Scheduler | None = None,
) -> RunDocument:
    """Measure all trials of a profile, and return what is in run.json.

    `profile` is a YAML file, the name of a profile that ships, or a mapping with the keys of a profile, whose files are
    relative to the current directory. `settings` change it by dotted path, as `--set` does: a list of values sweeps a
    setting. The run directory and its page are kept in `out`, in a directory of their own, which is `directory` of the
    document; without `out` they are removed. With `calibrate` the client's own error is measured first, for a second.
    `observer` is informed of what happens, in this thread. With `cluster`, the address of a Dask scheduler or a
    Scheduler with the files of TLS, the load comes from the machines of that cluster.

    A trial that fails does not end the run: it says so itself. Nothing is printed; a scheduler without TLS on another
    machine is a UserWarning.

    Raises LoadlabError for a profile that is wrong (ProfileError, with all its mistakes), a scenario that cannot be run
    (ScenarioError), a directory that cannot be written (ReportError), and a cluster that cannot be used. On Ctrl-C all
    processes are ended, what was measured is written to `out`, and KeyboardInterrupt is raised. It may be called in any
    thread; only the main one can be interrupted.
    """
    changes = {} if settings is None else _formatted(settings)
    loaded = _load(profile, changes)
    plan = RunPlan.of(loaded)
    command = ["loadlab", "run", loaded.path or "profile.yaml"]
    command += [word for path, value in changes.items() for word in ("--set", f"{path}={value}")]
    kept = None if out is None else Path(out)
    with (
        _claimed_machines(plan, cluster) as machines,
        Interruption([signal.SIGINT]) as interruption,
        run_directory(loaded, kept) as directory,
    ):
        try:
            document = plan.measure(directory, command, observer or Unobserved(), interruption, calibrate, machines)
        except ScenarioError:
            if kept is not None:
                _write_page(directory)
            raise
        if kept is not None:
            _write_page(directory)
            document = document.kept_in(directory.path)
    interruption.check()
    return document


@contextmanager
def _claimed_machines(plan: RunPlan, cluster: str | Scheduler | None) -> Iterator["Cluster | None"]:
    if cluster is None:
        check_hosts(plan.trials, None)
        yield None
        return
    check_for_cluster(plan.loaded.profile)
    scheduler = Scheduler(cluster) if isinstance(cluster, str) else cluster
    with scheduler.connect() as claimed:
        for warning in claimed.warnings:
            warnings.warn(warning, stacklevel=5)  # where run_profile is called
        check_hosts(plan.trials, claimed)
        yield claimed


def _write_page(directory: RunDirectory) -> None:
    from loadlab.report.page import render  # takes 0.3 s, which a run that is not kept need not wait for

    directory.write_page(render(directory))


def _formatted(settings: Mapping[str, object]) -> dict[str, str]:
    """Return the settings with their values as a profile has them."""
    formatted, mistakes = {}, []
    for path, value in settings.items():
        try:
            formatted[path] = format_value(value)
        except ValueError as error:
            mistakes.append(f"settings {path}: {error}")
    if mistakes:
        raise ProfileError(mistakes)
    return formatted


def _load(profile: str | os.PathLike[str] | Mapping[str, object], changes: Mapping[str, str]) -> LoadedProfile:
    overrides = [f"settings {path}={value}" for path, value in changes.items()]
    servers, metrics = targets.catalog(), metric_names()
    if isinstance(profile, Mapping):
        return load_mapping(profile, overrides, servers, metrics)
    path = find_profile(profile) if isinstance(profile, str) else Path(profile)
    return load_profile(path, overrides, servers, metrics)
