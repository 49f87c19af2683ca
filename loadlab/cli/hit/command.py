"""What `loadlab hit` does: measure one URL as a profile would, print a summary, and keep no file unless asked to."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadlab.cli.cluster import claimed_machines
from loadlab.cli.ending import command_line, exit_code_of, write_pages
from loadlab.cli.files import check_writable
from loadlab.cli.hit.live import LiveLine
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.profile import HitProfile, make_profile
from loadlab.cli.hit.saved import save_profile
from loadlab.cli.lines import Line, print_lines
from loadlab.cli.terminal import notify, show, write
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import ExitCode, LoadlabError
from loadlab.experiment.context import Resources, RunContext, resources_for
from loadlab.experiment.interruption import Interruption
from loadlab.experiment.preflight import names_for
from loadlab.experiment.run import Experiment
from loadlab.experiment.run_plan import run_directory
from loadlab.profile import plan_trials
from loadlab.profile.masking import mask_text
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster


@dataclass(frozen=True, slots=True)
class HitOutput:
    """What becomes of the results beside the summary, or in its place."""

    as_json: bool = False
    html: Path | None = None
    save_profile: Path | None = None
    out: Path | None = None
    calibrates: bool = False


def hit(options: HitOptions, output: HitOutput, scheduler: Scheduler | None = None) -> ExitCode:
    """Measure what the options say, with load from the cluster of `scheduler` if there is one; return the exit code.

    Raises LoadlabError where nothing could be measured or written.
    """
    if output.calibrates and scheduler is not None:
        raise LoadlabError("--calibrate measures the client of this machine; leave it out, or --cluster")
    made = make_profile(options)
    for note in made.notes:
        notify(f"note: {note}")
    if output.html is not None:
        check_writable(output.html)
    if output.save_profile is not None:
        save_profile(made.data, output.save_profile)
    resources = resources_for(made.profile)
    with (
        claimed_machines(scheduler, resources) as cluster,
        Interruption() as interruption,
        run_directory(made.loaded, output.out) as directory,
    ):
        document = _measure(made, resources, cluster, directory, interruption, output.calibrates)
        _check_possible(document)
        write_pages(directory, output.html, in_directory=output.out is not None)
        if output.as_json:
            write(document.model_dump_json(by_alias=True))
        else:
            _print_summary(made, document, directory)
    for path in (output.html, output.save_profile):
        if path is not None:
            notify(f"written: {path}")
    if output.out is not None:
        notify(f"page: {directory.page_path}")
    return exit_code_of(document)


def _measure(
    made: HitProfile,
    resources: Resources,
    cluster: "Cluster | None",
    directory: RunDirectory,
    interruption: Interruption,
    calibrates: bool,
) -> RunDocument:
    seed = secrets.randbelow(2**32)
    # A user who asks for ten seconds does not expect thirty.
    trials = plan_trials(made.profile.model_copy(update={"retries": 0}), seed)
    names = names_for(trials)
    with LiveLine(made.profile, len(trials)) as live:

        def check_and_show() -> None:
            interruption.check()
            live.tick()

        insistent = interruption.check_insistent
        context = RunContext(resources, live, check_and_show, names, check_insistent=insistent)
        context = context.with_cluster(cluster)
        return Experiment(made.loaded, seed, command_line(), context, directory).run(trials, calibrates)


def _check_possible(document: RunDocument) -> None:
    """Raise LoadlabError if nothing could be measured for a reason that the user can change."""
    reasons = [trial.reason for trial in document.trials if trial.state == "not possible" and trial.reason]
    if reasons and len(reasons) == len(document.trials):
        raise LoadlabError(reasons[0])


def _print_summary(made: HitProfile, document: RunDocument, directory: RunDirectory) -> None:
    """Print the summary of the trial in the middle, and how far its repeats differ."""
    from loadlab.cli.hit.summary import repeats_lines, summarise  # not before the load: its imports take 0.1 s
    from loadlab.cli.small_tables import machine_tables
    from loadlab.cli.tables import unseen_lines

    trials = [trial for trial in document.trials if trial.window_ns] or document.trials
    if not trials:
        notify("Stopped before anything was measured.")
        return
    trial = _middle(trials)
    histograms = directory.read_latencies(trial.id)
    print_lines(summarise(trial, made.profile, mask_text(str(made.url)), histograms))
    for table in machine_tables(trial):
        print_lines([Line("")])
        show(table)
        print_lines([Line("")])
    print_lines(repeats_lines(trials))
    for line in unseen_lines(document):
        notify(line)


def _middle(trials: Sequence[TrialResult]) -> TrialResult:
    """Return the trial whose throughput is in the middle."""
    ranked = sorted(trials, key=lambda trial: (trial.is_credible, trial.requests_per_second or 0.0))
    return ranked[len(ranked) // 2]
