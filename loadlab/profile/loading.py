"""From a profile's file, with the settings of the command line put over it, to a checked `Profile` or all its mistakes.

A setting is PATH=VALUE, with what it was given by before it unless that is `--set`: another option, or `settings`, an
argument of a function; or an option such as `--repeat=3` that is a path itself. A list sweeps the path, if a sweep may
vary it and the values are single ones. Every other value is set; at a path that the profile sweeps it is the only value
left.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Final

from loadlab.errors import LoadlabError, ProfileError
from loadlab.profile.files import read_table, resolve_files
from loadlab.profile.masking import (
    Masker,
    is_secret_path,
    mask_command,
    mask_quotes,
    mask_source,
    mask_text,
    secret_columns,
)
from loadlab.profile.mistakes import LocatedMistake, Mistake, Origin, Position
from loadlab.profile.paths import Data, dotted, may_be_swept, put, split, value_at
from loadlab.profile.scenario import ScenarioName, ScenarioSource, read_scenario
from loadlab.profile.schema import LoadProfile, Profile, model_of
from loadlab.profile.source import Source, parse_source, parse_value, read_text
from loadlab.profile.sweep import values_in_trials
from loadlab.profile.target import LISTS, TargetKind, belongs_to, kind_of_target
from loadlab.profile.validation import find_mistakes
from loadlab.profile.validation.servers import ServerSpec
from loadlab.profile.values import HostName
from loadlab.profile.writing import format_scalar, format_value
from loadlab.units import printable

_LONGEST_SHOWN: Final = 100
_GIVEN_BY: Final = re.compile(r"(--[a-z]+|settings) (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile as checked, and its file: the text as read, without credentials, and the path as given.

    `masker` finds the credentials that it holds, and those in its data, wherever they come up. `scenarios` are those of
    its trials.
    """

    profile: Profile
    text: str
    path: str
    masker: Masker
    scenarios: tuple[ScenarioSource, ...] = ()

    def allowing(self, hosts: Collection[str]) -> "LoadedProfile":
        """Return the same, in which further hosts may be put under load though they are other machines.

        Raises LoadlabError if one of them is no host.
        """
        if not hosts or not isinstance(self.profile, LoadProfile):
            return self
        try:
            named = [HostName().read(host) for host in hosts]
        except ValueError as error:
            raise LoadlabError(f"--allow-remote {error}") from None
        allowed = tuple(dict.fromkeys((*self.profile.allow_remote, *named)))
        return replace(self, profile=self.profile.model_copy(update={"allow_remote": allowed}))


def load_profile(
    path: FilePath,
    overrides: Sequence[str] = (),
    servers: Mapping[str, ServerSpec] | None = None,
    metrics: Collection[str] | None = None,
) -> LoadedProfile:
    """Read a profile, put the overrides ("PATH=VALUE", "--a PATH=VALUE", "--repeat=3") over it, and check it.

    `servers` are those that exist, by name, `metrics` the names of figures; None leaves them unchecked. Raises
    ProfileError with every mistake in the file and in the overrides.
    """
    text = read_text(path)
    # A profile out of a pipe lies nowhere.
    folder = path.parent if path.is_file() else FilePath()
    return _load(parse_source(text, str(path)), text, str(path), folder, overrides, servers, metrics)


def load_mapping(
    profile: Mapping[str, object],
    overrides: Sequence[str] = (),
    servers: Mapping[str, ServerSpec] | None = None,
    metrics: Collection[str] | None = None,
) -> LoadedProfile:
    """Check a profile that a program has made, with the keys that a file has; otherwise as `load_profile`."""
    try:
        text = "".join(f"{format_scalar(str(key))}: {format_value(value)}\n" for key, value in profile.items())
    except ValueError as error:
        raise ProfileError([f"profile: {error}"]) from None
    read = parse_source(text, "profile")
    # Nobody has seen its lines.
    nowhere = Position(0, 0, "profile")
    mistakes = [LocatedMistake(nowhere, each.path, each.what) for each in read.mistakes]
    source = Source(read.data, read.origins.at(nowhere), mistakes)
    return _load(source, text, "", FilePath(), overrides, servers, metrics)


def _load(
    source: Source,
    text: str,
    path: str,
    folder: FilePath,
    overrides: Sequence[str],
    servers: Mapping[str, ServerSpec] | None,
    metrics: Collection[str] | None,
) -> LoadedProfile:
    """Check a profile with the overrides put over it; names of files in it are relative to `folder`."""
    _resolve(source.data, folder)
    found = source.mistakes + _apply_overrides(source, overrides)
    _resolve(source.data, FilePath())
    # A value that could not be read is None in the data; that None does not fit either is not worth a second line.
    unreadable = {mistake.position for mistake in found}
    mistakes = [without_credential(source.data, each) for each in find_mistakes(source.data, servers, metrics)]
    found += [mistake for mistake in source.origins.locate(mistakes) if mistake.position not in unreadable]
    if found:
        raise ProfileError([str(mistake) for mistake in sorted(found)])
    masker = Masker.of(source.data, _columns(source.data))
    profile = model_of(source.data).model_validate(source.data)
    names = [ScenarioName.parse(written.value) for written in values_in_trials(source.data, "load.scenario")]
    scenarios = tuple(read_scenario(name.file, name.function) for name in names)
    return LoadedProfile(profile, mask_source(text, masker), path, masker, scenarios)


def _resolve(data: Data, folder: FilePath) -> None:
    """Make the names of files absolute, in place; a command starts in `folder` unless it says where."""
    target = data.get("target")
    if isinstance(target, dict) and target.get("command") is not None and target.get("cwd") is None:
        target["cwd"] = "."
    resolve_files(data, folder)


@dataclass(frozen=True, slots=True)
class _Override:
    """One setting: the path, its new value, and where the user wrote it."""

    path: tuple[str, ...]
    value: object
    position: Position

    @property
    def chosen_target(self) -> TargetKind | None:
        """The kind of server that the user chooses by this setting; None where it chooses none."""
        return kind_of_target({self.path[1]: self.value}) if len(self.path) == 2 and self.path[0] == "target" else None

    @property
    def lists_values(self) -> bool:
        """Whether it gives several values, and not one."""
        if not isinstance(self.value, list):
            return False
        return dotted(self.path) not in LISTS or any(isinstance(each, list) for each in self.value)


def _apply_overrides(source: Source, texts: Sequence[str]) -> list[LocatedMistake]:
    """Put each "PATH=VALUE" over the source's data, in place, and return what cannot be applied.

    Mistakes name a text as the option that it is, or that it was given by.
    """
    mistakes = []
    settings = [_take_apart(text) for text in texts]
    starts_command = any(text.startswith("target.command=") for _, text in settings)
    for number, (given_by, text) in enumerate(settings):
        option = f"{given_by} {mask_command([text])[0]}" if given_by else text
        shown = option if len(option) <= _LONGEST_SHOWN else f"{option[: _LONGEST_SHOWN - 3]}..."
        position = Position.on_command_line(number, printable(shown))
        try:
            _apply(source, _parse(text, position), starts_command)
        except ValueError as error:
            name, _, value = text.partition("=")
            what = mask_quotes(str(error), value) if is_secret_path(name.split(".")) else mask_text(str(error))
            mistakes.append(LocatedMistake(position, "", what))
    return mistakes


def _take_apart(text: str) -> tuple[str, str]:
    """Return what a setting was given by, and PATH=VALUE; the former is empty for an option that is a path itself."""
    if found := _GIVEN_BY.fullmatch(text):
        return found[1], found[2]
    return ("", text) if text.startswith("--") else ("--set", text)


def without_credential(data: Data, mistake: Mistake) -> Mistake:
    if not is_secret_path(mistake.path) or mistake.part == "key":
        return mistake
    value: object = data
    for key in mistake.path:
        if isinstance(value, dict):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key]
    return Mistake(mistake.path, mask_quotes(mistake.what, value))


def _columns(data: Data) -> dict[str, list[str]]:
    """Return the columns with credentials of all data files that the trials use."""
    columns: dict[str, list[str]] = {}
    for written in values_in_trials(data, "load.data.file"):
        table = read_table(str(written.value))
        for name in secret_columns(data, table.columns):
            columns.setdefault(name, []).extend(table.columns[name])
    return columns


def _parse(text: str, position: Position) -> _Override:
    name, equals, value = text.removeprefix("--").partition("=")
    if not name or not equals:
        raise ValueError("write it as PATH=VALUE, such as load.idle=20k")
    return _Override(split(name), parse_value(value), position)


def _apply(source: Source, override: _Override, starts_command: bool) -> None:
    """Put a setting over the data; with `starts_command` another one gives a command, and an address is its own."""
    path, value = override.path, override.value
    chosen = override.chosen_target
    if chosen == "address" and starts_command:
        chosen = None
    if chosen is not None:
        _drop_other_target(source.data, chosen)
    if isinstance(value, list) and value and override.lists_values and _is_swept_by(source.data, path, value):
        if chosen is not None and value_at(source.data, path) is None:  # required, although the sweep replaces it
            _put(source, path, value[0], override.position)
        _put(source, ("sweep", dotted(path)), value, override.position)
    elif dotted(path) in _sweep_of(source.data):
        _put(source, ("sweep", dotted(path)), value if override.lists_values else [value], override.position)
    else:
        _put(source, path, value, override.position)


def _is_swept_by(data: Data, path: tuple[str, ...], values: list[object]) -> bool:
    try:
        model = model_of(data)
    except ValueError:
        return False
    # The stages of a ramp are a list of mappings, and one value.
    return may_be_swept(model, dotted(path)) and not any(isinstance(value, dict) for value in values)


def _put(source: Source, path: tuple[str, ...], value: object, position: Position) -> None:
    try:
        put(source.data, path, value)
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is not a section of the profile, so it has no keys") from None
    origin = Origin(position, position)
    for section in (path[:length] for length in range(1, len(path))):
        if section not in source.origins:
            source.origins.record(section, origin)
    source.origins.replace(path, origin)


def _drop_other_target(data: Data, chosen: TargetKind) -> None:
    """Remove what the profile sets, and sweeps, of the kinds of target that the user has not chosen."""
    target, sweep = data.get("target"), _sweep_of(data)
    if not isinstance(target, dict):
        return
    # Its address is that of a server that runs already, or of another command.
    dropped = {"address"} if chosen == "command" else set()
    for key in [key for key in target if key in dropped or not belongs_to(chosen, key)]:
        del target[key]
    for path in [path for path in sweep if path.startswith("target.")]:
        key = split(path)[1]
        if key in dropped or not belongs_to(chosen, key):
            del sweep[path]


def _sweep_of(data: Data) -> Data:
    sweep = data.get("sweep")
    return sweep if isinstance(sweep, dict) else {}
