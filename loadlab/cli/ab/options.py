"""The options of `loadlab ab` beside those that it shares with `loadlab hit`, as they are typed, and their help."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from loadlab.cli.completion import complete_compared, complete_profiles, complete_settings


@dataclass(frozen=True, slots=True)
class VariantOptions:
    """What is compared: two URLs, or a profile with different settings."""

    heading: ClassVar[str | None] = "What is compared"

    subjects: Annotated[
        tuple[str, ...],
        typer.Argument(
            metavar="URL_A URL_B | PROFILE",
            help="Two servers that run, or a profile with --a and --b.",
            autocompletion=complete_profiles,
        ),
    ]
    a: Annotated[
        tuple[str, ...],
        typer.Option(
            "--a",
            metavar="PATH=VALUE",
            help="A setting of the profile that only A has. Repeatable.",
            autocompletion=complete_settings,
        ),
    ] = ()
    b: Annotated[
        tuple[str, ...],
        typer.Option(
            "--b",
            metavar="PATH=VALUE",
            help="A setting of the profile that only B has. Repeatable.",
            autocompletion=complete_settings,
        ),
    ] = ()
    settings: Annotated[
        tuple[str, ...],
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="A setting of the profile for both. Repeatable.",
            autocompletion=complete_settings,
        ),
    ] = ()
    unix_sockets: Annotated[
        tuple[str, ...],
        typer.Option(
            "--unix-socket",
            metavar="PATH",
            help="Connect to a Unix socket; twice for A's and B's. A URL's host is sent as Host.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """When the comparison ends, and what must not be found; None for the default."""

    heading: ClassVar[str | None] = "When it ends"

    on: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="The figure that must be known: throughput, cpu_per_request, p50, p90, p99, errors.  "
            "[default: throughput, with a rate p50]",
            autocompletion=complete_compared,
        ),
    ] = None
    within: Annotated[
        str, typer.Option(metavar="PERCENT", help="Ends when it is known to within this; 0% for never.")
    ] = "2%"
    at_most: Annotated[
        str, typer.Option("-z", "--at-most", metavar="TIME", help="Ends after this, whatever is known.")
    ] = "60s"
    slice: Annotated[str, typer.Option(metavar="TIME", help="How long one of them is measured at a time.")] = "100ms"
    fail_if: Annotated[
        tuple[str, ...],
        typer.Option(
            metavar="CONDITION",
            help="End with code 1 if the interval shows it, as in 'p99 worse by 10%'; also: better, differs. "
            "Repeatable.",
        ),
    ] = ()
    fail_if_unsure: Annotated[
        bool, typer.Option("--fail-if-unsure", help="End with code 1 also where a condition cannot be decided.")
    ] = False
