"""The verbs of the command line: their arguments, their help, and how each ends.

What a verb does is imported when it is called: importing all of it takes half a second, which `--help` and the
completion of a shell need not wait for.
"""

import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from loadlab import __version__
from loadlab.cli.ab.verb import AB_EXAMPLES, ab
from loadlab.cli.cluster import ClusterOptions
from loadlab.cli.completion import complete_formats, complete_profiles, complete_servers, complete_settings
from loadlab.cli.hit.verb import HIT_EXAMPLES, hit
from loadlab.cli.option_groups import CommandInSections, with_option_groups
from loadlab.cli.terminal import notify, prepare_streams, write
from loadlab.errors import ExitCode, LoadlabError

# What help ends with. A paragraph after a backspace keeps its lines, if a terminal of 80 columns has room for them;
# others are wrapped.
_KEEP_LINES: Final = "\b\n"
_RUN: Final = """\
  loadlab run select-vs-epoll                     a profile that ships
  loadlab run my.yaml --set load.idle=[0,10k]     other values for a sweep
  loadlab run my.yaml --set target.server=poll --repeat 5
  loadlab run my.yaml --set target.address=localhost:8080    your own server
  loadlab run shop.yaml --one                     a scenario once, printed
  loadlab run my.yaml --cluster tcp://HOST:8786   load from a Dask cluster
"""
_EXIT_CODES: Final = """
Exit codes: 0 done, 1 an expectation of the profile failed, 2 usage or profile error, 3 the measurement is invalid,
130 interrupted.
"""

EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab hit http://localhost:8000/              your own server, at once
  loadlab ab http://localhost:8000/ http://localhost:8001/    is B faster?
{_RUN}\
  loadlab doctor select-vs-epoll                  can this profile run here?
  loadlab report reports/2026-05-01T12-00-00Z-select-vs-epoll
{_EXIT_CODES}"""
RUN_EXAMPLES: Final = f"{_KEEP_LINES}Examples:\n{_RUN}{_EXIT_CODES}"
DOCTOR_EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab doctor                                  is this machine fit?
  loadlab doctor select-vs-epoll                  can this profile run here?
  loadlab doctor my.yaml --set load.idle=100k     and with so many?
  loadlab doctor my.yaml --cluster tcp://HOST:8786    on a Dask cluster?

Exit codes: 0 any of its trials can run, or no profile was named; 1 none can; 2 usage or profile error.
"""
COMPARE_EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab compare reports/old reports/new
  loadlab compare base.json new.json              as --json printed them
  loadlab compare old new --fail-if 'p99 worse by 10%' --fail-if 'errors worse'
  loadlab compare old new newer --html page.html

Exit codes: 0 done, 1 a condition of --fail-if is shown, 2 the runs do not compare, or are none.
"""
EXPORT_EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab export RUN | column -s, -t | less -S
  loadlab export RUN --format junit --out results.xml
  loadlab export RUN --format openmetrics --out metrics.prom
  loadlab export RUN --format hlog --trial 004 --out 004.hlog
"""
SERVE_EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab serve epoll --port 8080
  loadlab serve epoll-threads --pool 8            with an option of its own
  loadlab serve epoll-threads --help              lists these options
"""

app = typer.Typer(
    help="Shows how a server behaves as connections pile up, and why.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_ABOUT_PROFILES = "A YAML file, or the name of a profile that ships with loadlab."
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> NoReturn:
    """Run the command line and exit."""
    if sys.platform != "linux":
        notify("loadlab runs on Linux only: it measures with epoll and /proc. Use a Linux machine or VM.")
        sys.exit(ExitCode.USAGE)
    prepare_streams()
    try:
        app(prog_name="loadlab")
    except LoadlabError as error:
        notify(str(error), style="red")
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


@app.command(epilog=RUN_EXAMPLES, cls=CommandInSections)
@with_option_groups
def run(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help=_ABOUT_PROFILES, autocompletion=complete_profiles)],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Change a setting; a list of values sweeps it. Repeatable.",
            autocompletion=complete_settings,
        ),
    ] = None,
    repeat: Annotated[str | None, typer.Option(metavar="N", help="Repeat each trial N times.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run directory is made.")] = Path("reports"),
    seed: Annotated[
        str | None, typer.Option(metavar="N", help="Fixes the order of the trials, and all that is drawn at random.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json instead of the table.")] = False,
    calibrates: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="First measure the client's own error, for a second.")
    ] = True,
    accept_invalid: Annotated[
        bool, typer.Option("--accept-invalid", help="Do not end with code 3 when a trial is invalid.")
    ] = False,
    allow_remote: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Load a server at that host, which is another machine. Repeatable."),
    ] = None,
    one: Annotated[
        bool,
        typer.Option(
            "--one", help="Run one iteration of a scenario and print each request and response; nothing is measured."
        ),
    ] = False,
    *,
    cluster: ClusterOptions,
) -> None:
    """Run a profile: measure all its trials, then write the page."""
    from loadlab.processes.activity import ActivityWatch

    watch = ActivityWatch()  # first of all: importing the rest takes as long as it has to look
    from loadlab.cli.shipped import load_found_profile

    changes = list(overrides or [])
    if repeat is not None:
        changes.append(f"--repeat={repeat}")
    if seed is not None:
        changes.append(f"--seed={seed}")
    scheduler = cluster.scheduler
    loaded = load_found_profile(profile, changes)
    if one:
        if as_json:
            raise LoadlabError("--one prints lines for people; leave out --json")
        if scheduler is not None:
            raise LoadlabError("--one runs its iteration on this machine; leave out --cluster")
        from loadlab.cli.one import run_one

        raise typer.Exit(run_one(loaded, allow_remote or []))
    # Only now, as it takes half a second in which a mistake in the profile can be shown already.
    from loadlab.cli.running import run_profile

    raise typer.Exit(
        run_profile(loaded, out, as_json, calibrates, accept_invalid, allow_remote or [], watch, scheduler)
    )


app.command(epilog=HIT_EXAMPLES, cls=CommandInSections)(hit)
app.command(epilog=AB_EXAMPLES, cls=CommandInSections)(ab)


@app.command()
def calibrate(as_json: _AsJson = False) -> None:
    """Measure what loadlab's client adds to the times that it shows.

    Takes about 25 seconds. A short form of it runs before each `loadlab run`, and is in its results.
    """
    from loadlab.cli.calibrate import calibrate_and_show

    calibrate_and_show(as_json)


@app.command(epilog=DOCTOR_EXAMPLES, cls=CommandInSections)
@with_option_groups
def doctor(
    profile: Annotated[
        str | None, typer.Argument(metavar="PROFILE", help=_ABOUT_PROFILES, autocompletion=complete_profiles)
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Change a setting, as for `loadlab run`. Repeatable.",
            autocompletion=complete_settings,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    *,
    cluster: ClusterOptions,
) -> None:
    """Check this machine: limits, memory, cores, clock and profilers.

    Each problem is printed with its fix. With a profile: say which of its trials and probes can run here, before
    anything is started. With a cluster: whether its machines can generate the load together.
    """
    from loadlab.cli.doctor import doctor as examine

    examine(profile, overrides, as_json, cluster.scheduler)


@app.command()
def report(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A directory that `loadlab run` wrote.")],
) -> None:
    """Draw the page of an old run again."""
    from loadlab.analysis.conclusion import conclude
    from loadlab.profile.schema import model_of
    from loadlab.report.page import render
    from loadlab.results.directory import RunDirectory

    directory = RunDirectory.open(run_directory)
    document = directory.read_document()
    if document.finished is None:  # killed: what its trials say together was not written any more
        directory.write_document(conclude(document, model_of(document.profile).model_validate(document.profile)))
    directory.write_page(render(directory))
    write(str(directory.page_path))


@app.command(epilog=COMPARE_EXAMPLES)
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN", help="Two or more run directories, or files with run.json; the first is the base."
        ),
    ],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="End with code 1 if it is shown: 'p99 worse by 10%'. Repeatable."),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare runs of other machines or loads all the same.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to FILE.")] = None,
) -> None:
    """Compare runs that were made at different times.

    Each is compared with the first. Settings are matched by their swept values. A difference is claimed only where its
    95 % interval shows it, from rounds and repeats, corrected for the machine's speed where both runs know it.
    `loadlab ab` measures two servers in the same seconds, which shows smaller differences.
    """
    from loadlab.cli.compare import compare as compare_at

    raise typer.Exit(compare_at(runs, anyway, as_json, html, fail_if or []))


@app.command(epilog=EXPORT_EXAMPLES)
def export(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, or a file with run.json.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="csv, json, junit, openmetrics or hlog.",
            autocompletion=complete_formats,
        ),
    ] = "csv",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it is written; - is standard output.")] = Path("-"),
    trial: Annotated[str | None, typer.Option(metavar="ID", help="Only that trial, such as 004.")] = None,
) -> None:
    """Write a run for other programs: spreadsheets, CI, Prometheus.

    csv and json have a row for each trial, with its settings, figures, intervals and verdict. junit has a test case for
    each expectation and each verdict. openmetrics is for Prometheus, hlog the latencies for HdrHistogram's tools.
    """
    from loadlab.cli.export import export as export_to

    export_to(run_directory, form, out, trial)


# What follows the name is the server's, `--help` too.
@app.command(epilog=SERVE_EXAMPLES, context_settings={"allow_interspersed_args": False})
def serve(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A server, as `loadlab targets` lists them.", autocompletion=complete_servers
        ),
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="OPTION", help="Its options: `loadlab serve NAME --help` lists them.")
    ] = None,
) -> None:
    """Run one bundled server in the foreground, until Ctrl-C."""
    from loadlab.cli.shipped import become_server

    become_server(name, arguments or [])


@app.command("targets")
def list_targets(as_json: _AsJson = False) -> None:
    """List the servers that ship, with their options and defaults."""
    from loadlab.cli import shipped

    shipped.list_targets(as_json)


@app.command("profiles")
def list_profiles(as_json: _AsJson = False) -> None:
    """List the profiles that ship."""
    from loadlab.cli import shipped

    shipped.list_profiles(as_json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a profile, for editors."""
    import json

    from loadlab.profile import profile_json_schema

    write(json.dumps(profile_json_schema(), indent=2))
