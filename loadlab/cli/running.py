"""What `loadlab run` does: measure a profile's trials, write the page, and print what came of them."""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadlab.cli.cluster import claimed_machines
from loadlab.cli.ending import command_line, exit_code_of
from loadlab.cli.progress import RunProgress, format_factors
from loadlab.cli.small_tables import small_tables
from loadlab.cli.tables import (
    ResultsTable,
    answer_lines,
    certainty_lines,
    findings_lines,
    load_model_lines,
    sorted_trials,
    speed_lines,
    unseen_lines,
)
from loadlab.cli.terminal import error_console, notify, show, write, write_prose
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import ExitCode, ScenarioError
from loadlab.experiment.interruption import Interruption
from loadlab.experiment.preflight import Readiness
from loadlab.experiment.run_plan import RunPlan, check_for_cluster, run_directory
from loadlab.host import State
from loadlab.host.machine import Machine
from loadlab.processes.activity import ActivityWatch
from loadlab.profile.loading import LoadedProfile
from loadlab.report.failures import failure_lines
from loadlab.report.loaded import loaded_lines
from loadlab.report.page import render
from loadlab.report.sections.overview import overview_of
from loadlab.report.sections.section import Run
from loadlab.results.directory import SCENARIO_LOG, TARGET_LOG, RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster
    from loadlab.experiment.cluster_preflight import ClusterReadiness

# How the reason of a failed trial begins that is a bundled server's fault, and not a load worker's.
_TARGET: Final = re.compile(r"target '([^']+)'")
_LINES_SHOWN: Final = 10


def run_profile(
    loaded: LoadedProfile,
    out: Path,
    as_json: bool,
    calibrates: bool,
    accept_invalid: bool,
    allow_remote: Collection[str],
    watch: ActivityWatch,
    scheduler: Scheduler | None = None,
) -> ExitCode:
    """Run a profile; return how that ends the program.

    `allow_remote` are hosts that may be loaded though they are other machines, beside those of the profile. `watch` has
    been looking at what else runs. The load comes from the cluster of `scheduler`, if there is one. Raises
    LoadlabError, where nothing could be measured or written.
    """
    plan = RunPlan.of(loaded, allow_remote)
    machine = Machine(watch=watch)
    if scheduler is not None:
        check_for_cluster(loaded.profile)
        _ = machine.activity  # before Dask's workers here have anything to do
    with (
        claimed_machines(scheduler, plan.resources, plan.trials) as cluster,
        nullcontext(_readiness_of(cluster, plan)) as machines,  # while Ctrl-C still ends the program
        Interruption() as interruption,
        run_directory(loaded, out) as directory,
    ):
        load_is_here = cluster is None or cluster.is_here_alone
        readiness = Readiness.of(plan.trials, machine, plan.names, load_is_here)
        if machines is not None:
            readiness = readiness.with_lacks(machines.blockers, machines.impossible)
        _warn(readiness, [] if machines is None else machines.sentences([State.WARNING]))
        with RunProgress(error_console(), plan.trials, known=readiness.reasons()) as progress:
            try:
                document = plan.measure(directory, command_line(), progress, interruption, calibrates, cluster)
            except ScenarioError:
                directory.write_page(render(directory))
                notify(f"page, with what was measured until then: {directory.page_path}")
                raise
        directory.write_page(render(directory))
        _show(document, directory, as_json)
    return exit_code_of(document, accept_invalid)


def expectation_lines(document: RunDocument) -> Iterator[str]:
    """Yield a line for each expectation that was met, in all trials that it concerns, or where it was not."""
    by_text: dict[str, list[tuple[str, Expectation]]] = {}
    for trial in sorted_trials(document):
        for expectation in trial.expectations:
            where = f"trial {trial.id} ({format_factors(trial.factors)})"
            by_text.setdefault(expectation.text, []).append((where, expectation))
    for text, found in by_text.items():
        unmet = [(where, expectation) for where, expectation in found if not expectation.met]
        if not unmet:
            trials = "the only trial" if len(found) == 1 else f"all {len(found)} trials"
            yield f"expectation met: {text}, in {trials}"
        for where, expectation in unmet:
            yield f"expectation not met: {text}, in {where}: {expectation.measured}"
    for expectation in document.expectations:
        met = "met" if expectation.met else "not met"
        series = f", for {expectation.series}" if expectation.series else ""
        yield f"expectation {met}: {expectation.text}{series}: {expectation.measured}"


def conclusion_lines(document: RunDocument) -> Iterator[str]:
    """Yield the answer to the profile's question, as the page begins with it."""
    yield from overview_of(Run.of(document, lambda _trial: {}, lambda _trial, _file: {})).head


def hints(document: RunDocument) -> Iterator[str]:
    """Yield what to do next about servers that failed, unless a finding says so."""
    failed = [trial for trial in document.trials if trial.state == "failed" and not trial.verdict.findings]
    names = dict.fromkeys(found[1] for trial in failed if (found := _TARGET.match(trial.reason or "")))
    for name in names:
        yield f"To see why {name} failed, run it alone: loadlab serve {name}"


def log_lines(document: RunDocument, directory: RunDirectory) -> Iterator[str]:
    """Yield what was printed that the user may want to see, but not in the midst of a run.

    Of commands that did not become or stay a target these are their last lines, for each reason once; of a scenario it
    is the name of the first file that has something.
    """
    failed = {trial.reason: trial for trial in reversed(document.trials) if trial.state == "failed"}
    for trial in reversed(failed.values()):
        lines = directory.read_end_of_target_log(trial.id, _LINES_SHOWN)
        if len(lines) > 1:  # the last one is part of the reason
            yield f"The last lines of {directory.path}/trials/{trial.id}/{TARGET_LOG}:"
            yield from (f"  {line}" for line in lines)
    for trial in document.trials:
        if directory.log_exists(trial.id, SCENARIO_LOG):
            yield f"what the scenario printed: {directory.path}/trials/{trial.id}/{SCENARIO_LOG}"
            break


def _readiness_of(cluster: "Cluster | None", plan: RunPlan) -> "ClusterReadiness | None":
    if cluster is None:
        return None
    from loadlab.experiment.cluster_preflight import ClusterReadiness  # it needs Dask, which only a cluster does

    return ClusterReadiness.of(plan.trials, cluster, plan.resources, plan.names, measures_speed=False)


def _warn(readiness: Readiness, of_machines: Iterable[str]) -> None:
    """Print before the first trial what may spoil the run; what is not possible is each trial's own result later."""
    refusal = readiness.refusal()
    for warning in [*readiness.warnings(), *of_machines, *([refusal] if refusal else [])]:
        notify(f"warning: {warning}", style="yellow")


def _show(document: RunDocument, directory: RunDirectory, as_json: bool) -> None:
    if as_json:
        write(document.model_dump_json(by_alias=True))
    else:
        show(ResultsTable(document))
        for table in small_tables(document):
            write("")
            show(table)
        conclusion = conclusion_lines(document), certainty_lines(document), speed_lines(document)
        of_load = load_model_lines(document), answer_lines(document), loaded_lines(document)
        shown = *conclusion, *of_load
        for line in chain.from_iterable(shown):
            write_prose(line)
    for line in expectation_lines(document):
        notify(line)
    judged = _judged(document)
    lines = findings_lines(judged), failure_lines(judged.trials), unseen_lines(judged)
    for line in (*hints(document), *log_lines(document, directory), *chain.from_iterable(lines)):
        notify(line)
    (notify if as_json else write)(f"page: {directory.page_path}")


def _judged(document: RunDocument) -> RunDocument:
    """Return the document without the trial that was interrupted: that it lacks requests is no news to its user."""
    trials = [trial for trial in document.trials if trial.state != "interrupted"]
    return document.model_copy(update={"trials": trials})
