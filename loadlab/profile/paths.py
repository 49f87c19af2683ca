"""Paths of the profile: their notation, which of them exist, what values they take, and the JSON Schema of it all.

A path is a tuple of keys and list indexes. Users write it with dots and without indexes. The keys of `sweep` are
dotted paths themselves and stay whole: ("sweep", "load.idle", 2).
"""

import re
from collections.abc import Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from loadlab.profile.schema import KINDS, LoadProfile, Profile
from loadlab.profile.target import LISTS, OPTION_PATTERN, Option, Target
from loadlab.profile.values import Section

Path: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = dict[str, Any]


def dotted(path: Path) -> str:
    """Return a path as users write it."""
    return ".".join(key for key in path if isinstance(key, str))


def split(text: str) -> tuple[str, ...]:
    """Read a dotted path; what follows `sweep.` is one key."""
    first, dot, rest = text.partition(".")
    return ("sweep", rest) if first == "sweep" and dot else tuple(text.split("."))


def value_at(data: Data, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - a profile's data holds what YAML can
    """Return the value at a path of keys; None if there is none, as for a key without a value in YAML."""
    value: Any = data
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(data: Data, path: tuple[str, ...], value: object) -> None:
    """Set the value at a path, in place, with new mappings on the way; raise KeyError where a value is in the way."""
    for key in path[:-1]:
        if data.get(key) is None:
            data[key] = {}
        data = data[key]
        if not isinstance(data, dict):
            raise KeyError(key)
    data[path[-1]] = value


def keys_of(model: type[Profile], path: Path) -> list[str]:
    """Return the keys that the section at `path` declares; none if no section lies there."""
    section: type[Section] | None = model
    for key in path:
        if isinstance(key, str):
            field = _fields(section).get(key) if section else None
            section = _section_in(field.annotation) if field else None
    return list(_fields(section)) if section else []


def own_keys(model: type[Profile]) -> list[str]:
    """Return the top keys that only profiles of this kind have."""
    return [key for key in _fields(model) if key not in _fields(Profile)]


def swept_sections(model: type[Profile]) -> list[str]:
    """Return the top keys that a sweep may vary, themselves or keys in them."""
    return list(dict.fromkeys(split(path)[0] for path in sweepable_paths(model)))


@cache
def sweepable_paths(model: type[Profile]) -> tuple[str, ...]:
    """Return the dotted paths that a sweep may vary, except options of servers."""
    return tuple(_sweepable_fields(model))


def may_be_swept(model: type[Profile], path: str) -> bool:
    """Return whether a sweep may vary a dotted path, as far as that is known without its server."""
    is_known = path in sweepable_paths(model) or _entry_adapter(model, path) is not None
    return is_known or ("target" in model.model_fields and option_of(path) is not None)


def option_of(path: str) -> str | None:
    """Return the name of the server's option at a dotted path; None for any other path."""
    section, _, key = path.partition(".")
    is_option = section == "target" and key not in Target.model_fields and re.fullmatch(OPTION_PATTERN, key)
    return key if is_option else None


@cache
def adapter_of(model: type[Profile], path: str) -> TypeAdapter[Any]:
    """Return the validator for a single value at a path that may be swept."""
    field = _sweepable_fields(model).get(path)
    if field is None:
        return _entry_adapter(model, path) or TypeAdapter(Option)
    annotation: Any = field.annotation
    for mark in field.metadata:
        annotation = Annotated[annotation, mark]
    return TypeAdapter(annotation)


def default_of(model: type[Profile], path: str) -> Any:  # noqa: ANN401 - as different as the fields
    """Return the default at a path that may be swept; None if a value is required."""
    field = _sweepable_fields(model)[path]
    return None if field.is_required() else field.default


def profile_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile file (draft 2020-12), with the paths that a sweep may vary.

    The sections of each kind are chosen by `if` and `else` rather than `oneOf`, so that an editor reports what does not
    fit this kind, and not that no kind fits.
    """
    definitions: dict[str, Any] = {}
    choice: dict[str, Any] = {"$ref": f"#/$defs/{LoadProfile.__name__}"}
    for kind, model in KINDS.items():
        schema = _schema_of(model)
        definitions |= schema.pop("$defs") | {model.__name__: schema}
        if model is not LoadProfile:
            is_kind = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
            choice = {"if": is_kind, "then": {"$ref": f"#/$defs/{model.__name__}"}, "else": choice}
    kinds = {"enum": list(KINDS), "default": "load", "description": Profile.model_fields["kind"].description}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A profile of loadlab",
        "type": "object",
        "properties": {"kind": kinds},
        **choice,
        "$defs": definitions,
    }


@cache
def _sweepable_fields(model: type[Profile]) -> dict[str, FieldInfo]:
    found = ((path, field) for key in own_keys(model) for path, field in _leaves(_fields(model)[key], (key,)))
    named = ((dotted(path), field) for path, field in found)
    return {path: field for path, field in named if path in LISTS or not _holds_many_only(field.annotation)}


@cache
def _entry_adapter(model: type[Profile], path: str) -> TypeAdapter[Any] | None:
    """Return the validator for an entry of a mapping whose keys are the user's own, such as a header."""
    section, _, key = path.rpartition(".")
    types = _open_mappings(model).get(section)
    if types is None:
        return None
    key_type, value_type = types
    try:
        TypeAdapter(key_type).validate_python(key)
    except ValidationError:
        return None
    return TypeAdapter(value_type)


@cache
def _open_mappings(model: type[Profile]) -> dict[str, tuple[Any, Any]]:
    found = ((path, field) for key in own_keys(model) for path, field in _leaves(_fields(model)[key], (key,)))
    return {dotted(path): get_args(field.annotation) for path, field in found if get_origin(field.annotation) is dict}


def _leaves(field: FieldInfo, path: Path) -> Iterator[tuple[Path, FieldInfo]]:
    inner = _only_section_in(field.annotation)
    if inner is not None:
        for key, inner_field in _fields(inner).items():
            yield from _leaves(inner_field, (*path, key))
    else:
        yield path, field


def _fields(section: type[Section]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _only_section_in(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - an annotation has no type of its own
    """Return the section that a value must be, if it is set."""
    if get_origin(annotation) in (UnionType, Union):
        members = [member for member in get_args(annotation) if member is not NoneType]
        annotation = members[0] if len(members) == 1 else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _section_in(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - an annotation has no type of its own
    """Return the section in an annotation: itself, a member of a union, or the items of a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for member in get_args(annotation) if (found := _section_in(member))), None)


def _holds_many_only(annotation: Any) -> bool:  # noqa: ANN401 - an annotation has no type of its own
    if get_origin(annotation) is Annotated:
        return _holds_many_only(get_args(annotation)[0])
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        return all(_holds_many_only(member) for member in get_args(annotation) if member is not NoneType)
    return get_origin(annotation) in (tuple, dict)


def _schema_of(model: type[Profile]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    names: dict[str, Any] = {"enum": list(sweepable_paths(model))}
    if "target" in model.model_fields:
        entries = [rf"^{re.escape(path)}\.[^.]+$" for path in _open_mappings(model)]
        names = {"anyOf": [names, *({"pattern": each} for each in (rf"^target\.{OPTION_PATTERN}$", *entries))]}
    schema["properties"]["sweep"]["propertyNames"] = names
    return schema
