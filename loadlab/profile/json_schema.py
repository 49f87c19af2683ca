"""The JSON Schema of a profile, for editors that complete and check YAML."""

from typing import Any

from loadlab.profile.paths import sweepable_paths
from loadlab.profile.schema import KINDS, LoadProfile, Profile
from loadlab.profile.target import OPTION_PATTERN


def profile_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile file (draft 2020-12); it knows the paths that a sweep may vary.

    What else a profile holds follows from its kind: by `if` and `else` rather than `oneOf`, so that an editor tells
    what does not fit this kind, and not that no kind fits.
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


def _schema_of(model: type[Profile]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    names: dict[str, Any] = {"enum": list(sweepable_paths(model))}
    if "target" in model.model_fields:
        names = {"anyOf": [names, {"pattern": rf"^target\.{OPTION_PATTERN}$"}]}
    schema["properties"]["sweep"]["propertyNames"] = names
    return schema
