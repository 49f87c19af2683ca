"""The verb `hit`: its help, and what becomes of its results."""

from pathlib import Path
from typing import Annotated, Final

import typer

from loadlab.cli.cluster import ClusterOptions
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.option_groups import with_option_groups

HIT_EXAMPLES: Final = """\b
Examples:
  loadlab hit http://localhost:8000/items          10 s, 50 connections
  loadlab hit URL -c 100 -z 30s                    connections, duration
  loadlab hit URL -n 20000                         so many requests instead
  loadlab hit URL -q 5k --poisson                  5,000 requests per second
  loadlab hit URL --idle 10k                       beside 10,000 idle connections
  loadlab hit URL -m POST -d '{"a": 1}'            or -D FILE
  loadlab hit https://localhost:8443/ --cacert ca.pem
  loadlab hit ws://localhost:8000/chat --message hello --idle 20k
  loadlab hit http://localhost:8000/events --events -c 1000
  loadlab hit tcp://localhost:6379 --message 'PING\\r\\n' --until '\\r\\n'
  loadlab hit URL --cluster tcp://HOST:8786        load from a Dask cluster
  loadlab hit URL --html page.html --save-profile my.yaml

Exit codes: 0 done, 2 a mistake in the options or nothing listens there, 3 the measurement is invalid, 130 interrupted.
"""


@with_option_groups
def hit(
    options: HitOptions,
    cluster: ClusterOptions,
    calibrates: Annotated[
        bool, typer.Option("--calibrate", help="First measure the client's own error, for a second.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json instead of the summary.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page to FILE.")] = None,
    save_profile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a profile to go on from, for `loadlab run FILE`.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the run directory, in DIR.")] = None,
) -> None:
    """Measure one URL: a server that runs, without a profile."""
    from loadlab.cli.hit.command import HitOutput
    from loadlab.cli.hit.command import hit as measure

    raise typer.Exit(measure(options, HitOutput(as_json, html, save_profile, out, calibrates), cluster.scheduler))
