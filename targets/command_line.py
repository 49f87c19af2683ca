"""The command line that every server here has: where to listen, what its handlers reach, and its own options."""

import argparse
import atexit
import difflib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from waits import ENVIRONMENT

# What an option of a TARGET literal says: `default` (whose type is the option's), `about`, and for a number `minimum`
# and `maximum`, for a text `choices`. `counts` says what a number counts: "listeners" (processes that share the port,
# this one included), or a pool's "processes" or "threads". loadlab reads the same literal to check profiles, and to
# estimate what a server takes of the machine.
Option = Mapping[str, Any]


def parse_arguments(target: Mapping[str, Any]) -> argparse.Namespace:
    """Parse the command line of the server that `target` describes, and fill in the environment of its handlers.

    Ends the process with code 2, and a sentence on standard error, where it is not understood.
    """
    name, about, options = target["name"], target["about"], target["options"]
    parser = _Parser(
        prog=f"loadlab serve {name}",
        usage="%(prog)s [OPTION]...",
        description=f"{about[0].upper()}{about[1:]}.",
        allow_abbrev=False,
    )
    parser.set_defaults(tcp_echo=False)
    own = parser.add_argument_group("options of this server")
    if options:
        for option_name, option in options.items():
            _add_option(own, option_name, option)
    if "tcp-echo" in target["handlers"]:
        # No option of the profile's: loadlab gives it where the profile's handler is that.
        own.add_argument("--tcp-echo", action="store_true", help="send back every byte, and speak no HTTP")
    shared = parser.add_argument_group("options of every server")
    shared.add_argument("--host", default="127.0.0.1", help="name or address to listen on (default %(default)s)")
    shared.add_argument(
        "--port",
        type=_number_from(0, 65535),
        metavar="N",
        default=0,
        help="port to listen on; 0, the default, takes any free one",
    )
    shared.add_argument(
        "--backlog",
        type=_number_from(1, 2_147_483_647),
        metavar="N",
        default=4096,
        help="connections that may wait to be accepted (default %(default)s)",
    )
    shared.add_argument(
        "--folder",
        metavar="DIR",
        type=_folder,
        help="where handlers keep files (default: a new one, removed at the end)",
    )
    shared.add_argument(
        "--database",
        metavar="DSN",
        help="the PostgreSQL server that the handler database asks (default: SQLite)",
    )
    shared.add_argument(
        "--upstream", metavar="HOST:PORT", type=_address, help="the server that the handler upstream asks"
    )
    arguments, unknown = parser.parse_known_args()
    if unknown:
        parser.refuse(unknown[0])
    ENVIRONMENT.folder = arguments.folder or _temporary_folder()
    ENVIRONMENT.database = arguments.database
    ENVIRONMENT.upstream = arguments.upstream
    return arguments


class _Parser(argparse.ArgumentParser):
    """Prints one sentence for a mistake, and not the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        server = self.prog.split()[-1]
        self.exit(2, f"{server}: {message.removeprefix('argument ')}\n")

    def refuse(self, unknown: str) -> NoReturn:
        """Report an argument that is none of the options."""
        name = unknown.partition("=")[0]
        if not name.startswith("-"):
            self.error(f"unexpected argument '{unknown}'; `{self.prog} --help` lists the options")
        near = difflib.get_close_matches(name, self._option_string_actions, n=1)
        hint = f"did you mean {near[0]}?" if near else f"`{self.prog} --help` lists the options"
        self.error(f"there is no option {name}; {hint}")


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
