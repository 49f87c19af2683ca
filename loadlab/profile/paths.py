"""Paths of the profile: how they are written, which exist, and what may stand at each.

A path is a tuple of keys and list indexes; people write it with dots and leave the indexes out. The keys of `sweep`
are dotted paths themselves and stay whole: ("sweep", "load.idle", 2).
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from loadlab.profile.schema import Profile, Section

Path: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = dict[str, Any]

# What describes the experiment itself cannot vary within it.
_SWEPT_KEYS = ("target", "load", "placement")


def dotted(path: Path) -> str:
    """Return a path as people write it."""
    return ".".join(key for key in path if isinstance(key, str))


def split(text: str) -> tuple[str, ...]:
    """Read a dotted path; what follows `sweep.` is one key."""
    first, dot, rest = text.partition(".")
    return ("sweep", rest) if first == "sweep" and dot else tuple(text.split("."))


def value_at(data: Data, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - a profile's data holds what YAML can
    """Return what stands at a path of keys; None if nothing does, as for a key without a value in YAML."""
    value: Any = data
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(data: Data, path: tuple[str, ...], value: object) -> None:
    """Set what stands at a path, in place, with new mappings on the way; raise KeyError where a value is in the way."""
    for key in path[:-1]:
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise KeyError(key)
    data[path[-1]] = value


def keys_of(path: Path) -> list[str]:
    """Return the keys that the section at `path` knows; none if no section lies there."""
    section: type[Section] | None = Profile
    for key in path:
        field = _fields(section).get(str(key)) if section else None
        section = _section_of(field) if field else None
    return list(_fields(section)) if section else []


def sweepable_paths() -> list[str]:
    """Return the dotted paths that a sweep may vary."""
    return list(_sweepable_fields())


@cache
def adapter_of(path: str) -> TypeAdapter[Any]:
    """Return what validates one value of a sweepable path, by itself."""
    field = _sweepable_fields()[path]
    annotation: Any = field.annotation
    for mark in field.metadata:
        annotation = Annotated[annotation, mark]
    return TypeAdapter(annotation)


@cache
def _sweepable_fields() -> dict[str, FieldInfo]:
    return {dotted(path): field for path, field in _leaves(Profile, ()) if path[0] in _SWEPT_KEYS}


def _leaves(section: type[Section], above: Path) -> Iterator[tuple[Path, FieldInfo]]:
    for key, field in _fields(section).items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _leaves(inner, (*above, key))
        else:
            yield (*above, key), field


def _fields(section: type[Section]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _section_of(field: FieldInfo) -> type[Section] | None:
    for member in (field.annotation, *get_args(field.annotation)):
        if isinstance(member, type) and issubclass(member, Section):
            return member
    return None
