"""The options of `loadlab hit`, with the names that users of hey, oha and curl know, and their help.

Those of them that do not depend on what is measured, or for how long, are a group that `loadlab ab` has too.
"""

from dataclasses import dataclass, field
from typing import Annotated

import typer

from loadlab.cli.completion import complete_methods, complete_probes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How a server is loaded, with which requests, and what is watched: as it was typed; None if it was not."""

    connections: Annotated[
        str | None, typer.Option("-c", "--connections", metavar="N", help="Connections.  [default: 50]")
    ] = None
    rate: Annotated[
        str | None,
        typer.Option("-q", "--rate", metavar="N", help="Requests per second, whatever the server does (open model)."),
    ] = None
    poisson: Annotated[bool, typer.Option("--poisson", help="With -q: at random, as from independent users.")] = False
    idle: Annotated[str | None, typer.Option("--idle", metavar="N", help="Idle connections beside the load.")] = None
    method: Annotated[
        str | None,
        typer.Option(
            "-m",
            "-X",
            "--method",
            metavar="METHOD",
            help="Method.  [default: GET, with a body POST]",
            autocompletion=complete_methods,
        ),
    ] = None
    headers: Annotated[
        tuple[str, ...], typer.Option("-H", "--header", metavar="'NAME: VALUE'", help="A header. Repeatable.")
    ] = ()
    data: Annotated[str | None, typer.Option("-d", "--data", metavar="TEXT", help="The body; @FILE sends a file.")] = (
        None
    )
    data_file: Annotated[
        str | None, typer.Option("-D", "--data-file", metavar="FILE", help="The body from a file, as it is.")
    ] = None
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS", help="The statuses that count as success: 200, 2xx, 200,404.  [default: 2xx,3xx]"
        ),
    ] = None
    cacert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificates to trust, in place of the system's.")
    ] = None
    insecure: Annotated[bool, typer.Option("-k", "--insecure", help="Accept any certificate.")] = False
    cert: Annotated[str | None, typer.Option(metavar="FILE", help="The client's own certificate.")] = None
    key: Annotated[str | None, typer.Option(metavar="FILE", help="Its private key.")] = None
    server_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name that the certificate must be valid for.")
    ] = None
    disable_keepalive: Annotated[
        bool, typer.Option("--disable-keepalive", help="Open a connection for each request.")
    ] = False
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long a response may take.  [default: 5s]")
    ] = None
    warmup: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Load before the measurement.  [default: 500ms, with -n 0s]"),
    ] = None
    allow_remote: Annotated[
        tuple[str, ...],
        typer.Option(metavar="HOST", help="Another machine that may be put under load. Repeatable."),
    ] = ()
    probes: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="all, or some of procfs, sockets, syscalls, cpu.  [default: procfs,sockets]",
            autocompletion=complete_probes,
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class HitOptions(LoadOptions):
    """All options of `loadlab hit` that say what is measured."""

    url: Annotated[str, typer.Argument(metavar="URL", help="What is requested; http:// may be left out.")]
    duration: Annotated[
        str | None, typer.Option("-z", "--duration", metavar="TIME", help="How long it is measured.  [default: 10s]")
    ] = None
    requests: Annotated[
        str | None, typer.Option("-n", "--requests", metavar="N", help="So many requests, in place of a duration.")
    ] = None
    unix_socket: Annotated[
        str | None, typer.Option(metavar="PATH", help="Connect to a Unix socket; the URL's host is sent as Host.")
    ] = field(default=None, kw_only=True)
    repeat: Annotated[str | None, typer.Option(metavar="N", help="Measure N times.")] = field(
        default=None, kw_only=True
    )
