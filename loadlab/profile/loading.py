"""From a profile's file, with the settings of the command line put over it, to a checked `Profile` or all its mistakes.

A setting is `--set PATH=VALUE`, or an option such as `--repeat`. A list sweeps the path, if a sweep may vary it and the
values are single ones. Every other value is set; at a path that the profile sweeps it is the only value left.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from loadlab.errors import ProfileError
from loadlab.profile.files import resolve_files
from loadlab.profile.mistakes import LocatedMistake, Origin, Position
from loadlab.profile.paths import Data, dotted, may_be_swept, put, split, value_at
from loadlab.profile.schema import Profile, model_of
from loadlab.profile.source import Source, parse_source, parse_value, read_text
from loadlab.profile.target import belongs_to_running
from loadlab.profile.validation import find_mistakes
from loadlab.profile.validation.servers import ServerSpec
from loadlab.units import printable

_LONGEST_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile as checked, and its file: the text as read, and the path as given."""

    profile: Profile
    text: str
    path: str


def load_profile(
    path: FilePath,
    overrides: Sequence[str] = (),
    servers: Mapping[str, ServerSpec] | None = None,
    metrics: Collection[str] | None = None,
) -> LoadedProfile:
    """Read a profile, put the overrides ("PATH=VALUE", or an option such as "--repeat=3") over it, and check it.

    `servers` are those that exist, by name, `metrics` the names of figures; None leaves them unchecked. Raises
    ProfileError with every mistake in the file and in the overrides.
    """
    text = read_text(path)
    source = parse_source(text, str(path))
    # A profile out of a pipe lies nowhere.
    resolve_files(source.data, path.parent if path.is_file() else FilePath())
    found = source.mistakes + _apply_overrides(source, overrides)
    resolve_files(source.data, FilePath())
    # A value that could not be read is None in the data; that None does not fit either is not worth a second line.
    unreadable = {mistake.position for mistake in found}
    mistakes = find_mistakes(source.data, servers, metrics)
    found += [mistake for mistake in source.origins.locate(mistakes) if mistake.position not in unreadable]
    if found:
        raise ProfileError([str(mistake) for mistake in sorted(found)])
    return LoadedProfile(model_of(source.data).model_validate(source.data), text, str(path))


@dataclass(frozen=True, slots=True)
class _Override:
    """One setting: the path, its new value, and where the user wrote it."""

    path: tuple[str, ...]
    value: object
    position: Position

    @property
    def chosen_target(self) -> str | None:
        """The key of `target` by which the user chooses the server, `server` or `address`; None for all others."""
        chooses = self.path in (("target", "server"), ("target", "address")) and self.value is not None
        return self.path[-1] if chooses else None


def _apply_overrides(source: Source, texts: Sequence[str]) -> list[LocatedMistake]:
    """Put each "PATH=VALUE" over the source's data, in place, and return what cannot be applied.

    Mistakes name a text that begins with dashes as the option that it is, and any other as `--set`.
    """
    mistakes = []
    for number, text in enumerate(texts):
        option = text if text.startswith("--") else f"--set {text}"
        shown = option if len(option) <= _LONGEST_SHOWN else f"{option[: _LONGEST_SHOWN - 3]}..."
        position = Position.on_command_line(number, printable(shown))
        try:
            _apply(source, _parse(text, position))
        except ValueError as error:
            mistakes.append(LocatedMistake(position, "", str(error)))
    return mistakes


def _parse(text: str, position: Position) -> _Override:
    name, equals, value = text.removeprefix("--").partition("=")
    if not name or not equals:
        raise ValueError("write it as PATH=VALUE, such as load.idle=20k")
    return _Override(split(name), parse_value(value), position)


def _apply(source: Source, override: _Override) -> None:
    path, value = override.path, override.value
    if (chosen := override.chosen_target) is not None:
        _drop_other_target(source.data, runs=belongs_to_running(chosen))
    if isinstance(value, list) and value and _is_swept_by(source.data, path, value):
        if chosen is not None and value_at(source.data, path) is None:  # required, although the sweep replaces it
            _put(source, path, value[0], override.position)
        _put(source, ("sweep", dotted(path)), value, override.position)
    elif dotted(path) in _sweep_of(source.data):
        _put(source, ("sweep", dotted(path)), value if isinstance(value, list) else [value], override.position)
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


def _drop_other_target(data: Data, runs: bool) -> None:
    """Remove what the profile sets, and sweeps, of the kind of target that the user has not chosen."""
    target, sweep = data.get("target"), _sweep_of(data)
    if isinstance(target, dict):
        for key in [key for key in target if belongs_to_running(key) != runs]:
            del target[key]
    for path in [path for path in sweep if path.startswith("target.")]:
        if belongs_to_running(path.removeprefix("target.")) != runs:
            del sweep[path]


def _sweep_of(data: Data) -> Data:
    sweep = data.get("sweep")
    return sweep if isinstance(sweep, dict) else {}
