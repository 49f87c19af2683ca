"""What ships with loadlab: its servers and profiles, listed, found by name, loaded, and run."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.terminal import write, write_prose
from loadlab.errors import LoadlabError
from loadlab.installation import bundled_directory
from loadlab.profile import load_profile
from loadlab.profile.address import parse_address
from loadlab.profile.loading import LoadedProfile
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.values import describe
from loadlab.units import printable

_PORTS: Final = {"http": 80, "https": 443}
_ONLY_HIT: Final = ("ws", "wss", "tcp", "tls")
_UNIX: Final = "unix:"


def find_profile(name: str) -> Path:
    """Return the file that a user means: a path, or else the name of a profile that ships. Raises LoadlabError."""
    if os.path.exists(name):  # of a name that is too long, Path.exists raises OSError
        return Path(name)
    shown = printable(name)
    if "://" in name or name.startswith(_UNIX) or _is_address(name.partition("/")[0]):
        raise LoadlabError(f"{shown}: {_why_no_profile(name)}")
    shipped = {path.stem: path for path in _shipped_profiles()}
    if name in shipped:
        return shipped[name]
    if (stem := Path(name).stem) in shipped:
        raise LoadlabError(f"{shown}: there is no such file; did you mean '{stem}', which ships with loadlab?")
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        hint = did_you_mean(name, shipped) or "; `loadlab profiles` lists those that ship"
        raise LoadlabError(f"{shown}: neither a file nor a profile that ships{hint}")
    return Path(name)


def load_found_profile(name: str, changes: Sequence[str]) -> LoadedProfile:
    """Load the profile that a user means, with these changes from the command line. Raises LoadlabError."""
    return load_profile(find_profile(name), changes, servers=targets.catalog(), metrics=metric_names())


def list_profiles(as_json: bool) -> None:
    """Print each profile's name and what it is about."""
    servers = targets.catalog()
    abouts = {path.stem: load_profile(path, servers=servers).profile.about for path in _shipped_profiles()}
    if as_json:
        write(json.dumps(abouts))
    else:
        _write_list(abouts)


def list_targets(as_json: bool) -> None:
    """Print each server's name, what it is, its options with their defaults, and what is missing for it here."""
    catalog = targets.catalog()
    if as_json:
        write(json.dumps({name: _describe(target) for name, target in catalog.items()}))
    else:
        _write_list({name: _summarise(target) for name, target in catalog.items()})


def become_server(name: str, arguments: Sequence[str]) -> None:
    """Replace this program with a bundled server, which gets the arguments. Raises LoadlabError."""
    description = targets.find_target(name)
    database = next((argument for argument in arguments if argument.startswith("--database")), None)
    if missing := targets.why_missing(description, database):
        raise LoadlabError(f"{name} cannot run here: {missing}")
    command = targets.serve_command(name, arguments)
    os.execve(command[0], command, targets.script_environment())


def _shipped_profiles() -> list[Path]:
    return sorted(bundled_directory("profiles").glob("*.yaml"))


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def _why_no_profile(url: str) -> str:
    """Return what to do instead of running a URL, or an address such as "localhost:8080"."""
    scheme, _, rest = url.rpartition("://")
    address, _, path = rest.partition("/")
    if url.startswith(_UNIX):
        address, path = url, ""
    elif scheme in _ONLY_HIT:
        return (
            f"is no profile; measure it by itself with `loadlab hit {shlex.quote(url)}`, whose --save-profile makes one"
        )
    elif scheme not in ("", *_PORTS):
        return f"{scheme} cannot be measured, only {', '.join((*_PORTS, *_ONLY_HIT))}"
    elif not re.search(r":\d+$", address):
        address += f":{_PORTS[scheme or 'http']}"
    if not _is_address(address):
        return f"{describe(address)} is not a host and a port"
    value = f'"{address}"' if address.startswith("[") else address  # in YAML, brackets are a list
    settings = [f"target.address={value}", f"load.path=/{path}", *(["target.tls={}"] if scheme == "https" else [])]
    options = " ".join(f"--set {shlex.quote(setting)}" for setting in settings)
    by_itself = f"measure it by itself with `loadlab hit {shlex.quote(url)}`, or " if scheme else ""
    return f"{by_itself}name a profile, and set the address in it: loadlab run select-vs-epoll {options}"


def _write_list(abouts: Mapping[str, str]) -> None:
    width = max((len(name) for name in abouts), default=0)
    write_prose("\n".join(f"{name:<{width}}  {about}" for name, about in abouts.items()), indent=" " * (width + 2))


def _summarise(target: targets.TargetDescription) -> str:
    parts = [target.about]
    for name, option in target.options.items():
        parts.append(f"[{name}: {option.default if isinstance(option.default, str) else json.dumps(option.default)}]")
    if missing := targets.why_missing(target):
        parts.append(f"(cannot run here: {missing})")
    else:
        lacks = {handler: targets.why_missing(target, handlers=[handler]) for handler in target.handler_needs}
        parts += [f"(without {handler} here: {lack})" for handler, lack in lacks.items() if lack]
    return " ".join(parts)


def _describe(target: targets.TargetDescription) -> dict[str, object]:
    defaults = {name: option.default for name, option in target.options.items()}
    missing = targets.why_missing(target)
    return {"about": target.about, "handlers": target.handlers, "options": defaults, "missing": missing}
