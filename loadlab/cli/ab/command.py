"""What `loadlab ab` does: measure two servers in the same seconds, and print by how much they differ."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loadlab.cli.ab.live import PairsLine
from loadlab.cli.ab.options import PlanOptions, VariantOptions
from loadlab.cli.ab.plan import Plan, check_conditions, make_plan
from loadlab.cli.ab.variants import Variants, make_variants
from loadlab.cli.cluster import claimed_machines
from loadlab.cli.ending import command_line, exit_code_of, write_pages
from loadlab.cli.files import check_writable
from loadlab.cli.hit.options import LoadOptions
from loadlab.cli.lines import print_lines
from loadlab.cli.terminal import notify, write
from loadlab.cluster.scheduler import Scheduler
from loadlab.errors import ExitCode, LoadlabError
from loadlab.experiment.ab import AbPlan, PairedExperiment
from loadlab.experiment.context import Resources, RunContext, resources_for
from loadlab.experiment.interruption import Interruption
from loadlab.experiment.preflight import names_for
from loadlab.experiment.run_plan import run_directory
from loadlab.profile import Trial, plan_trials
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

if TYPE_CHECKING:
    from loadlab.cluster.remote import Cluster


@dataclass(frozen=True, slots=True)
class AbOutput:
    """What becomes of the results beside the summary, or in its place; `seed` fixes the order of the slices."""

    as_json: bool = False
    html: Path | None = None
    out: Path | None = None
    seed: int | None = None


def compare(
    variants: VariantOptions,
    load: LoadOptions,
    ending: PlanOptions,
    output: AbOutput,
    scheduler: Scheduler | None = None,
) -> ExitCode:
    """Compare what the options say, with load from the cluster of `scheduler` if there is one; return the exit code.

    Raises LoadlabError where nothing could be measured or written.
    """
    sides = make_variants(variants, load)
    plan = make_plan(ending, has_rate=any(side.profile.load.rate is not None for side in (sides.a, sides.b)))
    for note in sides.notes:
        notify(f"note: {note}")
    if output.html is not None:
        check_writable(output.html)
    resources = resources_for(sides.a.profile)
    seed = secrets.randbelow(2**32) if output.seed is None else output.seed
    with (
        claimed_machines(scheduler, resources, _trials(sides, seed)) as cluster,
        Interruption() as interruption,
        run_directory(sides.a.loaded, output.out, sides.b.loaded) as directory,
    ):
        document = _measure(sides, plan, resources, cluster, directory, interruption, seed)
        _check_possible(document)
        write_pages(directory, output.html, in_directory=output.out is not None)
        _show(document, sides, output.as_json)
    if output.html is not None:
        notify(f"written: {output.html}")
    if output.out is not None:
        notify(f"page: {directory.page_path}")
    return exit_code_of(document)


def _measure(
    sides: Variants,
    plan: Plan,
    resources: Resources,
    cluster: "Cluster | None",
    directory: RunDirectory,
    interruption: Interruption,
    seed: int,
) -> RunDocument:
    ab_plan = AbPlan(sides.a.label, sides.b.label, plan.on, plan.within, plan.at_most_ns, plan.slice_ns)
    with PairsLine(plan.at_most_ns) as live:

        def check_and_show() -> None:
            interruption.check()
            live.tick()

        insistent = interruption.check_insistent
        context = RunContext(
            resources, live, check_and_show, names_for(_trials(sides, seed)), check_insistent=insistent
        )
        context = context.with_cluster(cluster)
        experiment = PairedExperiment(sides.a.loaded, sides.b.loaded, ab_plan, seed, command_line(), context, directory)
        document = experiment.run()
    if document.ab is None or not plan.conditions:
        return document
    checked = [*document.expectations, *check_conditions(plan, document.ab.differences)]
    document = document.model_copy(update={"expectations": checked})
    directory.write_document(document)
    return document


def _trials(sides: Variants, seed: int) -> list[Trial]:
    return [trial for side in (sides.a, sides.b) for trial in plan_trials(side.profile, seed)]


def _check_possible(document: RunDocument) -> None:
    """Raise LoadlabError if one side could not be measured for a reason that the user can change."""
    for trial in document.trials:
        if trial.state == "not possible":
            raise LoadlabError(f"{trial.factors['variant']}: {trial.reason}")


def _show(document: RunDocument, sides: Variants, as_json: bool) -> None:
    from loadlab.cli.ab.summary import condition_lines, summarise  # not before the load: its imports take 0.1 s
    from loadlab.cli.tables import unseen_lines

    if as_json:
        write(document.model_dump_json(by_alias=True))
        for line in condition_lines(document.expectations):
            notify(line.text)
    else:
        print_lines(summarise(document, sides.a.profile))
        print_lines(condition_lines(document.expectations))
    for text in unseen_lines(document):
        notify(text)
