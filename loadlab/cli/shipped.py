"""What ships with loadlab: its servers and profiles, listed, loaded, and run."""

import json
import os
from collections.abc import Mapping, Sequence

from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.terminal import write, write_prose
from loadlab.errors import LoadlabError
from loadlab.profile import load_profile
from loadlab.profile.finding import find_profile, shipped_profiles
from loadlab.profile.loading import LoadedProfile


def load_found_profile(name: str, changes: Sequence[str]) -> LoadedProfile:
    """Load the profile that a user means, with these changes from the command line. Raises LoadlabError."""
    return load_profile(find_profile(name), changes, servers=targets.catalog(), metrics=metric_names())


def list_profiles(as_json: bool) -> None:
    """Print each profile's name and what it is about."""
    servers = targets.catalog()
    abouts = {path.stem: load_profile(path, servers=servers).profile.about for path in shipped_profiles()}
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
