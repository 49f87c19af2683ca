"""The options of `loadlab hit`, with the names that users of hey, oha and curl know, and their help.

Those of them that do not depend on what is measured, or for how long, are a group that `loadlab ab` has too. Each class
here is a section of the help.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

import typer

from loadlab.cli.completion import complete_idle_protocols, complete_methods, complete_probes

_HOW_MUCH: Final = "How much"
_HOW_TO_CONNECT: Final = "How to connect"

# Without slots, as classes that have some cannot be combined.


@dataclass(frozen=True, kw_only=True)
class AmountOptions:
    """How much load, for how long."""

    heading: ClassVar[str | None] = _HOW_MUCH

    connections: Annotated[
        str | None, typer.Option("-c", "--connections", metavar="N", help="Connections.  [default: 50]")
    ] = None
    rate: Annotated[
        str | None,
        typer.Option("-q", "--rate", metavar="N", help="Requests per second, whatever the server does (open model)."),
    ] = None
    poisson: Annotated[bool, typer.Option("--poisson", help="With -q: at random, as from independent users.")] = False
    idle: Annotated[str | None, typer.Option("--idle", metavar="N", help="Idle connections beside the load.")] = None
    idle_protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What these speak: tcp (nothing), http, websocket, events.  [default: as the URL, but tcp for http]",
            autocompletion=complete_idle_protocols,
        ),
    ] = None
    idle_path: Annotated[
        str | None, typer.Option(metavar="PATH", help="The path that these ask for.  [default: that of the URL]")
    ] = None
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help="How long an answer may take.  [default: 5s]")] = (
        None
    )
    warmup: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Load before the measurement.  [default: 500ms, with -n 0s]"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """A request of HTTP."""

    heading: ClassVar[str | None] = "What is requested (http)"

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
        tuple[str, ...],
        typer.Option(
            "-H", "--header", metavar="'NAME: VALUE'", help="A header; with ws, of the handshake. Repeatable."
        ),
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
    stream: Annotated[
        bool, typer.Option("--stream", help="Time the first byte of the body, and the gaps between its pieces.")
    ] = False
    events: Annotated[
        bool,
        typer.Option("--events", help="Each connection reads a stream (server-sent events); an event is a sample."),
    ] = False


@dataclass(frozen=True, kw_only=True)
class MessageOptions:
    """A message over a WebSocket, or over plain TCP, and what its answer is."""

    heading: ClassVar[str | None] = "What is sent (ws, tcp)"

    message: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The message; @FILE sends a file, over ws as binary. With tcp, \\r \\n \\t \\xNN and \\\\ are escapes."
            "  [default: with ws hello]",
        ),
    ] = None
    answer: Annotated[
        str | None, typer.Option(metavar="N", help="ws: so many messages make an answer.  [default: 1]")
    ] = None
    matches: Annotated[
        str | None, typer.Option(metavar="REGEX", help="ws: the answer is the first message in which this is found.")
    ] = None
    subprotocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="ws: the subprotocol that the server has to agree to.")
    ] = None
    until: Annotated[str | None, typer.Option(metavar="TEXT", help="tcp: the answer ends with this.")] = None
    bytes: Annotated[str | None, typer.Option(metavar="N", help="tcp: the answer has so many bytes.")] = None
    echo: Annotated[bool, typer.Option("--echo", help="tcp: the answer is what was sent.")] = False
    greeting: Annotated[
        str | None, typer.Option(metavar="TEXT", help="tcp: the server speaks first, and ends with this.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """TLS, and where connections go."""

    heading: ClassVar[str | None] = _HOW_TO_CONNECT

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
    allow_remote: Annotated[
        tuple[str, ...],
        typer.Option(metavar="HOST", help="Another machine that may be put under load. Repeatable."),
    ] = ()


# The fields of the last base come first.
@dataclass(frozen=True, kw_only=True)
class LoadOptions(ConnectionOptions, MessageOptions, RequestOptions, AmountOptions):
    """How a server is loaded, with what, and what is watched: as it was typed; None if it was not."""

    heading: ClassVar[str | None] = None

    probes: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="all, or some of procfs, sockets, syscalls, cpu.  [default: procfs,sockets]",
            autocompletion=complete_probes,
        ),
    ] = None


@dataclass(frozen=True)
class HitOptions(LoadOptions):
    """All options of `loadlab hit` that say what is measured."""

    heading: ClassVar[str | None] = _HOW_MUCH

    url: Annotated[
        str, typer.Argument(metavar="URL", help="http, https, ws, wss, tcp or tls; http:// may be left out.")
    ]
    duration: Annotated[
        str | None, typer.Option("-z", "--duration", metavar="TIME", help="How long it is measured.  [default: 10s]")
    ] = None
    requests: Annotated[
        str | None, typer.Option("-n", "--requests", metavar="N", help="So many requests, in place of a duration.")
    ] = None
    unix_socket: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Connect to a Unix socket; the URL's host is sent as Host.",
            rich_help_panel=_HOW_TO_CONNECT,
        ),
    ] = field(default=None, kw_only=True)
    repeat: Annotated[str | None, typer.Option(metavar="N", help="Measure N times.")] = field(
        default=None, kw_only=True
    )
