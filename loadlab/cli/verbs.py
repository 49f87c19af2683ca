"""The verbs of the command line, and how each ends."""

import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from loadlab import __version__, targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.calibrate import calibrate_verb
from loadlab.cli.doctor import doctor
from loadlab.cli.examples import DOCTOR_EXAMPLES, EXAMPLES, RUN_EXAMPLES, SERVE_EXAMPLES
from loadlab.cli.interruption import Interruption
from loadlab.cli.progress import RunProgress, format_factors
from loadlab.cli.shipped import find_profile, shipped_profiles
from loadlab.cli.tables import findings_lines, load_model_lines, results_table, sorted_trials, unseen_lines
from loadlab.cli.terminal import error_console, prepare_streams, show, tell, write
from loadlab.errors import ExitCode, LoadlabError
from loadlab.experiment.placement import conditions_of
from loadlab.experiment.preflight import Readiness
from loadlab.experiment.run import Experiment
from loadlab.host import read_condition
from loadlab.profile import load_profile, plan_trials, profile_json_schema
from loadlab.report.page import render
from loadlab.results.directory import RunDirectory
from loadlab.results.model import RunDocument

app = typer.Typer(
    help="Shows how a server behaves as connections pile up, and why.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command line and exit."""
    if sys.platform != "linux":
        tell("loadlab runs on Linux only: it measures with epoll and /proc. Use a Linux machine or VM.")
        sys.exit(ExitCode.USAGE)
    prepare_streams()
    try:
        app(prog_name="loadlab")
    except LoadlabError as error:
        tell(str(error), style="red")
        sys.exit(error.exit_code)
    sys.exit(ExitCode.DONE)


def _print_version(wanted: bool) -> None:
    if wanted:
        write(f"loadlab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass  # the option has done its work by now


@app.command(epilog=RUN_EXAMPLES)
def run(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="A YAML file, or the name of a profile that ships.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change a setting; on a swept path, its values. Repeatable."),
    ] = None,
    repeat: Annotated[int | None, typer.Option(help="Make each trial so often.")] = None,
    out: Annotated[Path, typer.Option(help="Where the run directory is made.")] = Path("reports"),
    seed: Annotated[int | None, typer.Option(help="Fixes the order of the trials, and what the load draws.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json instead of the table.")] = False,
    calibrates: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="First measure the client's own error, for a second.")
    ] = True,
    accept_invalid: Annotated[
        bool, typer.Option("--accept-invalid", help="Do not end with code 3 when a trial is invalid.")
    ] = False,
) -> None:
    """Run a profile: measure all its trials, then write the page."""
    changes = list(overrides or [])
    if repeat is not None:
        changes.append(f"--repeat={repeat}")
    if seed is not None:
        changes.append(f"--seed={seed}")
    loaded = load_profile(find_profile(profile), changes, servers=targets.catalog(), metrics=metric_names())
    seed = loaded.profile.seed if loaded.profile.seed is not None else secrets.randbelow(2**32)
    trials = plan_trials(loaded.profile, seed)
    conditions = conditions_of(loaded.profile)
    with Interruption() as interruption:
        directory = RunDirectory.create(out, loaded.profile.name, loaded.text, datetime.now(UTC))
        readiness = Readiness.of(trials, read_condition())
        _warn(readiness)
        with RunProgress(error_console(), trials, told=readiness.reasons()) as progress:
            experiment = Experiment(loaded.profile, seed, _command(), conditions, directory, progress)
            document = experiment.run(trials, interruption.check, calibrates)
        directory.write_page(render(directory))
        _show(document, directory, as_json)
    raise typer.Exit(exit_code_of(document, accept_invalid))


app.command("calibrate")(calibrate_verb)


app.command(epilog=DOCTOR_EXAMPLES)(doctor)


@app.command()
def report(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A directory that `loadlab run` wrote.")],
) -> None:
    """Draw the page of an old run again."""
    directory = RunDirectory.open(run_directory)
    directory.write_page(render(directory))
    write(str(directory.page_path))


@app.command(epilog=SERVE_EXAMPLES, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def serve(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A target, as `loadlab targets` lists them.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 0,
) -> None:
    """Run one bundled target in the foreground, until Ctrl-C.

    Its own options follow, as `loadlab targets` lists them.
    """
    description = targets.find_target(name)
    if missing := targets.why_missing(description):
        raise LoadlabError(f"{name} cannot run here: {missing}")
    command = targets.serve_command(name, host, port, context.args)
    os.execv(command[0], command)


@app.command("targets")
def list_targets(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the servers that ship, with their options and defaults."""
    catalog = targets.catalog()
    if as_json:
        write(json.dumps({name: _described(target) for name, target in catalog.items()}))
        return
    _list({name: " ".join([target.about, *_option_texts(target)]) for name, target in catalog.items()})


@app.command("profiles")
def list_profiles(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the profiles that ship."""
    servers = targets.catalog()
    shipped = {path.stem: load_profile(path, servers=servers).profile for path in shipped_profiles()}
    abouts = {name: profile.about for name, profile in shipped.items()}
    if as_json:
        write(json.dumps(abouts))
    else:
        _list(abouts)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a profile, for editors."""
    write(json.dumps(profile_json_schema(), indent=2))


def exit_code_of(document: RunDocument, accept_invalid: bool = False) -> ExitCode:
    """Return how a run ends the program; `accept_invalid` leaves the judgement of its trials out."""
    if document.interrupted:
        return ExitCode.INTERRUPTED
    if document.verdict == "invalid" and not accept_invalid:
        return ExitCode.INVALID
    expectations = [*document.expectations, *(each for trial in document.trials for each in trial.expectations)]
    if any(not expectation.met for expectation in expectations):
        return ExitCode.EXPECTATION_FAILED
    return ExitCode.DONE


def _show(document: RunDocument, directory: RunDirectory, as_json: bool) -> None:
    if as_json:
        write(document.model_dump_json(by_alias=True))
    else:
        show(results_table(document))
        for line in load_model_lines(document):
            write(line)
    for trial in sorted_trials(document):
        for expectation in trial.expectations:
            if not expectation.met:
                where = f"trial {trial.id} ({format_factors(trial.factors)})"
                tell(f"{where}: expected {expectation.text}, measured {expectation.measured}")
    for expectation in document.expectations:
        if not expectation.met:
            where = f"law of {expectation.series}: " if expectation.series else ""
            tell(f"{where}expected {expectation.text}, measured {expectation.measured}; the page draws it")
    starts_servers = "address" not in document.profile.get("target", {})
    # A finding tells where to look itself.
    if starts_servers and any(trial.state == "failed" and not trial.verdict.findings for trial in document.trials):
        tell("To see why a target failed, run it alone: loadlab serve NAME.")
    for line in (*findings_lines(document), *unseen_lines(document)):
        tell(line)
    (tell if as_json else write)(f"page: {directory.page_path}")


def _warn(readiness: Readiness) -> None:
    """Tell before the first trial what may spoil the run; what is not possible is each trial's own result later."""
    refusal = readiness.refusal()
    for warning in [*readiness.warnings(), *([refusal] if refusal else [])]:
        tell(f"warning: {warning}", style="yellow")


def _list(abouts: dict[str, str]) -> None:
    width = max((len(name) for name in abouts), default=0)
    write("\n".join(f"{name:<{width}}  {about}" for name, about in abouts.items()))


def _option_texts(target: targets.TargetDescription) -> list[str]:
    defaults = {name: option.default for name, option in target.options.items()}
    return [f"[{name}: {value if isinstance(value, str) else json.dumps(value)}]" for name, value in defaults.items()]


def _described(target: targets.TargetDescription) -> dict[str, object]:
    defaults = {name: option.default for name, option in target.options.items()}
    missing = targets.why_missing(target)
    return {"about": target.about, "handlers": target.handlers, "options": defaults, "missing": missing}


def _command() -> list[str]:
    # An argument need not be text; run.json is.
    return ["loadlab", *(os.fsencode(argument).decode("utf-8", "backslashreplace") for argument in sys.argv[1:])]
