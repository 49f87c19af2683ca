"""What the section `target` says that does not fit together: keys of several kinds of server, places, and files."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, Path, split, value_at
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import all_values, place_of_change, values_in_trials
from loadlab.profile.target import PLACES, TargetKind
from loadlab.profile.validation.servers import key_of, option_paths
from loadlab.tls import TlsSettings, TlsSettingsError, make_context

_OF_COMMANDS: Final = ("env", "cwd", "ready", "stop")
_MISPLACED: Final[Mapping[TargetKind, Mapping[str, str]]] = {
    "command": {"pid": "loadlab knows the processes of target.command; remove it"},
    "address": dict.fromkeys(_OF_COMMANDS, "has no effect without target.command; remove it"),
    "server": {
        **dict.fromkeys(_OF_COMMANDS, "has no effect without target.command; remove it"),
        "pid": "has no effect without target.address; set both",
        "tls": "has no effect on bundled servers; some have an option for it, scheme: https",
    },
}
_NOT_BUNDLED: Final[Mapping[TargetKind, str]] = {
    "command": "is for bundled servers only, not for target.command; remove it",
    "address": "is for bundled servers only, not for the running one at target.address; remove it",
}


def target_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield what contradicts itself in the target, over all trials of the sweep, and its files that are of no use."""
    kind = _kind(data)
    yield from _kind_mistakes(data, kind)
    yield from _placement_mistakes(data, kind)
    if kind == "command":
        yield from _place_mistakes(data)
        yield from _directory_mistakes(data)
    yield from _machine_mistakes(data, kind)
    yield from _tls_mistakes(data)


def _kind(data: Data) -> TargetKind:
    kinds: tuple[TargetKind, ...] = ("command", "address")
    return next((kind for kind in kinds if values_in_trials(data, f"target.{kind}")), "server")


def _kind_mistakes(data: Data, kind: TargetKind) -> Iterator[Mistake]:
    """Yield the keys that only another kind of server has."""
    for one, other in (("server", "address"), ("address", "server"), ("server", "command"), ("command", "server")):
        swept = f"target.{one}"
        if value_at(data, ("sweep", swept)) is not None and value_at(data, ("target", other)) is not None:
            what = f"cannot be swept together with target.{other}; remove one of the two"
            yield Mistake(("sweep", swept), what, part="key")
    if kind in _NOT_BUNDLED:
        ours = [place_of_change(LoadProfile, data, path) for path in ("target.handler", "target.database")]
        for place in [*filter(None, ours), *(key_of(data, path) for path in option_paths(data))]:
            yield Mistake(place, _NOT_BUNDLED[kind], part="key")
    for key, what in _MISPLACED[kind].items():
        for place in _written(data, key):
            yield Mistake(place, what, part="key")


def _written(data: Data, key: str) -> Iterator[Path]:
    """Yield where a key of the target, or a key in it, is set or swept."""
    if value_at(data, ("target", key)) is not None:
        yield ("target", key)
    sweep = data.get("sweep")
    for path in sweep if isinstance(sweep, dict) else ():
        if split(path)[:2] == ("target", key):
            yield ("sweep", path)


def _placement_mistakes(data: Data, kind: TargetKind) -> Iterator[Mistake]:
    placement = data.get("placement")
    if not isinstance(placement, dict):
        return
    if kind == "address" and placement.get("target") is not None:
        what = "a running server stays on its own cores; bind it with taskset, and set only placement.load"
        yield Mistake(("placement", "target"), what, part="key")
    if kind != "address" and "load" in placement and placement.get("target") is None:
        yield Mistake(("placement", "target"), "missing; this key is required")


def _place_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield the commands that do not say where they listen, or say it twice, in any of their trials."""
    environment = _values_of_environment(data)
    addresses = all_values(data, "target.address")
    named: set[str] = set()
    for written in values_in_trials(data, "target.command"):
        # What each trial names: the places in the words of the command, and in one value of each variable.
        trials = {_places_in(written.value if isinstance(written.value, list) else ())}
        for values in environment.values():
            trials = {places | _places_in([value]) for places in trials for value in values}
        named.update(*trials)
        if any(len(places) > 1 for places in trials):
            first, second = PLACES
            what = f"has both {first} and {second}, and loadlab connects to one address only; remove one of the two"
            yield Mistake(written.path, what)
        elif frozenset() in trials and not addresses and isinstance(written.value, list):
            what = "does not say where to listen: put {port} or {socket} in it, or its fixed address in target.address"
            yield Mistake(written.path, what)
    for address in addresses if named else ():
        what = f"has no effect with {min(named)} in the command, for which loadlab chooses; remove one of the two"
        yield Mistake(address.path, what, part="key")


def _places_in(texts: Iterable[object]) -> frozenset[str]:
    """Return which places stand in these texts."""
    return frozenset(place for text in texts for place in PLACES if isinstance(text, str) and place in text)


def _values_of_environment(data: Data) -> dict[str, list[object]]:
    """Return the values that each environment variable has in the trials."""
    plain, sweep = value_at(data, ("target", "env")), data.get("sweep")
    values: dict[str, list[object]] = (
        {name: [value] for name, value in plain.items()} if isinstance(plain, dict) else {}
    )
    for path, swept in sweep.items() if isinstance(sweep, dict) else ():
        match split(path):
            case ("target", "env", name) if isinstance(swept, list):
                values[name] = swept
    return values


def _directory_mistakes(data: Data) -> Iterator[Mistake]:
    for written in all_values(data, "target.cwd"):
        if isinstance(written.value, str) and not os.path.isdir(written.value):
            exists = os.path.exists(written.value)
            what = f"{written.value} is not a directory" if exists else f"there is no directory {written.value}"
            yield Mistake(written.path, what)


def _machine_mistakes(data: Data, kind: TargetKind) -> Iterator[Mistake]:
    """Yield where the server is on a machine of the cluster, and is reached in a way that the others have not."""
    hosted = all_values(data, "target.on")
    if not hosted:
        return
    reason = "only its own machine can connect to a Unix socket, and with target.on the load comes from others; use"
    for written in all_values(data, "target.address"):
        if isinstance(written.value, str) and written.value.startswith("unix:"):
            yield Mistake(written.path, f"{reason} a host and a port")
    commands = values_in_trials(data, "target.command") if kind == "command" else []
    environment = [value for values in _values_of_environment(data).values() for value in values]
    for written in commands:
        words = written.value if isinstance(written.value, list) else []
        if "{socket}" in _places_in([*words, *environment]):
            yield Mistake(written.path, f"{reason} {{host}} and {{port}}")


def _tls_mistakes(data: Data) -> Iterator[Mistake]:
    tls = value_at(data, ("target", "tls"))
    if not isinstance(tls, dict):
        return
    ca, cert, key = (tls.get(name) for name in ("ca", "cert", "key"))
    if any(not isinstance(file, str | None) or file == "" for file in (ca, cert, key)):
        return  # the schema reports it
    if tls.get("verify") is False and ca is not None:
        yield Mistake(("target", "tls", "ca"), "has no effect with verify: false; remove one of the two", part="key")
    try:
        make_context(TlsSettings("localhost", ca, cert, key))
    except TlsSettingsError as error:
        yield Mistake(("target", "tls", error.key), str(error))
