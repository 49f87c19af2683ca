"""The verb `ab`: its help, and what becomes of its results."""

from pathlib import Path
from typing import Annotated, Final

import typer

from loadlab.cli.ab.options import PlanOptions, VariantOptions
from loadlab.cli.cluster import ClusterOptions
from loadlab.cli.hit.options import LoadOptions
from loadlab.cli.option_groups import with_option_groups

AB_EXAMPLES: Final = """\b
Examples:
  loadlab ab http://localhost:8000/ http://localhost:8001/ -c 64
  loadlab ab URL_A URL_B --on p99 --within 5% --at-most 2m
  loadlab ab URL_A URL_B --fail-if 'p99 worse by 10%' --fail-if 'errors worse'
  loadlab ab my.yaml --a target.env.WORKERS=1 --b target.env.WORKERS=4
  loadlab ab my.yaml --a 'target.command=[./old]' --b 'target.command=[./new]'
  loadlab ab ws://localhost:8000/echo ws://localhost:8001/echo --message hello
  loadlab ab URL_A URL_B --cluster tcp://HOST:8786    load from a Dask cluster
  loadlab ab URL_A URL_B --probes all --html page.html

Exit codes: 0 done, 1 a --fail-if holds, 2 a mistake in the options or nothing listens there, 3 the measurement is
invalid, 130 interrupted.
"""


@with_option_groups
def ab(
    variants: VariantOptions,
    ending: PlanOptions,
    load: LoadOptions,
    cluster: ClusterOptions,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Fixes the order of the slices, and all that is drawn at random.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json instead of the summary.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page to FILE.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the run directory, in DIR.")] = None,
) -> None:
    """Compare two servers in the same seconds: by how much B differs.

    Both stand at once and are loaded in turn, in slices of 100 ms, until the difference is known to within 2 %. What
    the machine does meanwhile falls on both.
    """
    from loadlab.cli.ab.command import AbOutput, compare

    raise typer.Exit(compare(variants, load, ending, AbOutput(as_json, html, out, seed), cluster.scheduler))
