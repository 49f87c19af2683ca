"""The verb `doctor`: is this machine fit to measure on, and for a profile: can it run here? docs/doctor.md."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from loadlab.cli.cluster import connected
from loadlab.cli.machines import machine_data, machines_table, parts_table
from loadlab.cli.shipped import load_found_profile
from loadlab.cli.terminal import show, write, write_prose
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import ExitCode
from loadlab.experiment.context import Resources, resources_for
from loadlab.experiment.preflight import (
    Readiness,
    examine_machine_speed,
    examine_profilers,
    examine_profilers_of,
    format_problem,
    names_for,
)
from loadlab.experiment.run_plan import check_for_cluster
from loadlab.experiment.target_side import check_hosts
from loadlab.host import Diagnosis, Machine, State
from loadlab.profile import LoadProfile, Trial, plan_trials
from loadlab.targets import Names

if TYPE_CHECKING:
    from loadlab.experiment.cluster_preflight import ClusterReadiness

_CANNOT_RUN: Final = ExitCode.EXPECTATION_FAILED
_STYLES: Final = {State.OK: "green", State.WARNING: "yellow", State.BLOCKER: "red"}
# What a machine is judged by if no profile is named.
_REFERENCE: Final = LoadProfile.model_validate(
    {
        "name": "reference",
        "target": {"server": "epoll"},
        "load": {"connections": 100, "idle": 10_000, "duration": "1s"},
    }
)
_ABOUT_REFERENCE: Final = (
    "Judged by 10,000 idle and 100 active connections; `loadlab doctor PROFILE` judges by what a profile needs."
)


def doctor(profile: str | None, overrides: list[str] | None, as_json: bool, scheduler: Scheduler | None = None) -> None:
    """Examine this machine and those of a cluster, by a profile with these changes if one is named.

    What was found is printed, and the program ends.
    """
    if profile is None and overrides:
        raise typer.BadParameter("changes a profile; name one", param_hint="--set")
    chosen = _REFERENCE if profile is None else load_found_profile(profile, overrides or []).profile
    if scheduler is not None:
        check_for_cluster(chosen)
    trials = plan_trials(chosen, seed=0)
    names = names_for(trials)
    if scheduler is None:
        check_hosts(trials, None)
        readiness, cluster = Readiness.of(trials, names=names), None
    else:
        readiness, cluster = _examine_cluster(trials, names, scheduler, resources_for(chosen), profile is None)
    if profile is None:
        others = [examine_machine_speed(), *examine_profilers()]
    else:
        others = examine_profilers_of(trial.profile for trial in trials)
    diagnoses = [*readiness.diagnoses, *others]
    if as_json:
        write(_format_json(None if profile is None else chosen.name, readiness, diagnoses, cluster))
    else:
        show(diagnoses_table(diagnoses))
        # The conclusion on a profile names what blocks it.
        listed = (State.WARNING, State.BLOCKER) if profile is None else (State.WARNING,)
        problems = [format_problem(each) for each in diagnoses if each.state in listed]
        if cluster is not None:
            for table in (machines_table(cluster), parts_table(cluster)):
                write("")
                show(table)
            # What blocks them is among what this machine lacks.
            problems += [*cluster.sentences([State.WARNING]), *([f"{cluster.held}."] if cluster.held else [])]
        where = "here" if cluster is None else "with the load from these machines"
        answer = _ABOUT_REFERENCE if profile is None else conclusion(chosen.name, readiness, where)
        write_prose("\n".join(["", *problems, answer]))
    raise typer.Exit(ExitCode.DONE if profile is None or readiness.can_run else _CANNOT_RUN)


def diagnoses_table(diagnoses: Sequence[Diagnosis]) -> Table:
    """Return one row for each check: what is needed of it, what there is, and its state."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
    for heading in ("check", "needed", "here"):
        table.add_column(heading)
    table.add_column("", no_wrap=True)
    for each in diagnoses:
        table.add_row(each.check, each.needed or "-", each.here, Text(each.state, style=_STYLES[each.state]))
    return table


def conclusion(name: str, readiness: Readiness, where: str = "here") -> str:
    """Return the sentence that answers for a profile."""
    refusal = readiness.refusal()
    if refusal is None:
        return f"{name} can run {where}."
    if readiness.can_run:
        possible = readiness.trials - readiness.impossible
        return f"{name} can run {where} with {possible:,} of its {readiness.trials:,} trials; {refusal}"
    return f"{name} cannot run {where}: {refusal}"


def _examine_cluster(
    trials: Sequence[Trial], names: Names, scheduler: Scheduler, resources: Resources, is_reference: bool
) -> tuple[Readiness, "ClusterReadiness"]:
    """Return what this machine can do beside the load of the cluster's machines, and what they can do together."""
    machine = Machine()
    _ = machine.activity  # before Dask's workers here have anything to do
    with connected(scheduler, claims=False) as cluster:
        from loadlab.experiment.cluster_preflight import ClusterReadiness

        check_hosts(trials, cluster)
        readiness = Readiness.of(trials, machine, names, cluster.is_here_alone)
        found = ClusterReadiness.of(trials, cluster, resources, names, is_reference=is_reference)
    return readiness.with_lacks(found.blockers, found.impossible), found


def _format_json(
    name: str | None, readiness: Readiness, diagnoses: Sequence[Diagnosis], cluster: "ClusterReadiness | None"
) -> str:
    document = {
        "profile": name,
        "can_run": None if name is None else readiness.can_run,
        "trials": None if name is None else readiness.trials,
        "impossible": None if name is None else readiness.impossible,
        "checks": [asdict(each) for each in diagnoses],
    }
    if cluster is not None:
        document |= {"machines": [machine_data(each) for each in cluster.machines], "held": cluster.held}
    return json.dumps(document)
