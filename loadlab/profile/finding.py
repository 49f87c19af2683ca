"""The profile that a user means: a file, or one that ships with loadlab; or what to write instead."""

import os
import re
import shlex
from pathlib import Path
from typing import Final

from loadlab.errors import LoadlabError
from loadlab.installation import bundled_directory
from loadlab.profile.address import parse_address
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
    shipped = {path.stem: path for path in shipped_profiles()}
    if name in shipped:
        return shipped[name]
    if (stem := Path(name).stem) in shipped:
        raise LoadlabError(f"{shown}: there is no such file; did you mean '{stem}', which ships with loadlab?")
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        hint = did_you_mean(name, shipped) or "; `loadlab profiles` lists those that ship"
        raise LoadlabError(f"{shown}: neither a file nor a profile that ships{hint}")
    return Path(name)


def shipped_profiles() -> list[Path]:
    """Return the files of the profiles that ship with loadlab."""
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
