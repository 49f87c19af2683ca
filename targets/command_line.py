"""The command line that every server here has: where to listen, what its handlers reach, and its own options."""

import argparse
import atexit
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from environment import ENVIRONMENT

# What an option of a TARGET literal says: `default` (whose type is the option's), `about`, and for a number `minimum`
# and `maximum`, for a text `choices`. `counts` says what a number counts: "listeners" (processes that share the port,
# this one included), or a pool's "processes" or "threads". loadlab reads the same literal to check profiles, and to
# estimate what a server takes of the machine.
Option = Mapping[str, Any]


def parse_arguments(target: Mapping[str, Any]) -> argparse.Namespace:
    """Parse the command line of the server that `target` describes, and fill in the environment of its handlers."""
    parser = argparse.ArgumentParser(prog=target["name"], description=target["about"])
    parser.add_argument("--host", default="127.0.0.1", help="name or address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes any free one")
    parser.add_argument("--backlog", type=int, default=4096, help="connections that may wait (default %(default)s)")
    reached = parser.add_argument_group("what handlers reach")
    reached.add_argument(
        "--folder", type=_folder, help="where they keep files (default: a new one, removed at the end)"
    )
    reached.add_argument("--database", metavar="DSN", help="a PostgreSQL server (default: a SQLite file)")
    reached.add_argument("--upstream", metavar="HOST:PORT", type=_address, help="the server behind this one")
    own = parser.add_argument_group("options of this architecture")
    for name, option in target["options"].items():
        _add_option(own, name, option)
    arguments = parser.parse_args()
    ENVIRONMENT.folder = arguments.folder or _temporary_folder()
    ENVIRONMENT.database = arguments.database
    ENVIRONMENT.upstream = arguments.upstream
    return arguments


def _add_option(group: argparse._ArgumentGroup, name: str, option: Option) -> None:
    default, about = option["default"], f"{option['about']} (default %(default)s)"
    if isinstance(default, bool):
        group.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=default, help=about)
    elif isinstance(default, int):
        number = _number_from(option["minimum"], option["maximum"])
        group.add_argument(f"--{name}", type=number, metavar="N", default=default, help=about)
    else:
        group.add_argument(f"--{name}", choices=option["choices"], default=default, help=about)


def _number_from(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {minimum} to {maximum}")
        return int(text)

    return parse


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not a folder")
    return Path(text)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit()):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form HOST:PORT")
    return host.strip("[]"), int(port)


def _temporary_folder() -> Path:
    # A thread that still runs a handler at the end may write one more file while the folder is being removed.
    folder = tempfile.TemporaryDirectory(prefix="loadlab-target-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)
