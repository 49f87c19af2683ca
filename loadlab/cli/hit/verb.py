"""The verb `hit`: its options, with the names that users of hey, oha and curl know, and their help."""

from pathlib import Path
from typing import Annotated, Final

import typer

from loadlab.cli.completion import complete_methods, complete_probes

HIT_EXAMPLES: Final = """\b
Examples:
  loadlab hit http://localhost:8000/items          10 s, 50 connections
  loadlab hit URL -c 100 -z 30s                    connections, duration
  loadlab hit URL -n 20000                         so many requests instead
  loadlab hit URL -q 5k --poisson                  5,000 requests per second
  loadlab hit URL --idle 10k                       beside 10,000 idle connections
  loadlab hit URL -m POST -d '{"a": 1}'            or -D FILE
  loadlab hit https://localhost:8443/ --cacert ca.pem
  loadlab hit URL --html page.html --save-profile my.yaml

Exit codes: 0 done, 2 a mistake in the options or nothing listens there, 3 the measurement is invalid, 130 interrupted.
"""


def hit(
    url: Annotated[str, typer.Argument(metavar="URL", help="What is requested; http:// may be left out.")],
    connections: Annotated[
        str | None, typer.Option("-c", "--connections", metavar="N", help="Connections.  [default: 50]")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("-z", "--duration", metavar="TIME", help="How long it is measured.  [default: 10s]")
    ] = None,
    requests: Annotated[
        str | None, typer.Option("-n", "--requests", metavar="N", help="So many requests, in place of a duration.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("-q", "--rate", metavar="N", help="Requests per second, whatever the server does (open model)."),
    ] = None,
    poisson: Annotated[bool, typer.Option("--poisson", help="With -q: at random, as from independent users.")] = False,
    idle: Annotated[str | None, typer.Option("--idle", metavar="N", help="Idle connections beside the load.")] = None,
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
    ] = None,
    headers: Annotated[
        list[str] | None, typer.Option("-H", "--header", metavar="'NAME: VALUE'", help="A header. Repeatable.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("-d", "--data", metavar="TEXT", help="The body; @FILE sends a file.")
    ] = None,
    data_file: Annotated[
        str | None, typer.Option("-D", "--data-file", metavar="FILE", help="The body from a file, as it is.")
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS", help="The statuses that count as success: 200, 2xx, 200,404.  [default: 2xx,3xx]"
        ),
    ] = None,
    cacert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificates to trust, in place of the system's.")
    ] = None,
    insecure: Annotated[bool, typer.Option("-k", "--insecure", help="Accept any certificate.")] = False,
    cert: Annotated[str | None, typer.Option(metavar="FILE", help="The client's own certificate.")] = None,
    key: Annotated[str | None, typer.Option(metavar="FILE", help="Its private key.")] = None,
    server_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name that the certificate must be valid for.")
    ] = None,
    unix_socket: Annotated[
        str | None, typer.Option(metavar="PATH", help="Connect to a Unix socket; the URL's host is sent as Host.")
    ] = None,
    disable_keepalive: Annotated[
        bool, typer.Option("--disable-keepalive", help="Open a connection for each request.")
    ] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long a response may take.  [default: 5s]")
    ] = None,
    warmup: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Load before the measurement.  [default: 500ms, with -n 0s]"),
    ] = None,
    allow_remote: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Another machine that may be put under load. Repeatable.")
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="all, or some of procfs, sockets, syscalls, cpu.  [default: procfs,sockets]",
            autocompletion=complete_probes,
        ),
    ] = None,
    repeat: Annotated[str | None, typer.Option(metavar="N", help="Measure N times.")] = None,
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
    from loadlab.cli.hit.profile import HitOptions

    options = HitOptions(
        url=url,
        connections=connections,
        duration=duration,
        requests=requests,
        rate=rate,
        poisson=poisson,
        idle=idle,
        method=method,
        headers=tuple(headers or ()),
        data=data,
        data_file=data_file,
        expect=expect,
        cacert=cacert,
        insecure=insecure,
        cert=cert,
        key=key,
        server_name=server_name,
        unix_socket=unix_socket,
        disable_keepalive=disable_keepalive,
        timeout=timeout,
        warmup=warmup,
        allow_remote=tuple(allow_remote or ()),
        probes=probes,
        repeat=repeat,
    )
    raise typer.Exit(measure(options, HitOutput(as_json, html, save_profile, out, calibrates)))
