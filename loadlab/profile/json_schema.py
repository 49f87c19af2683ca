"""The JSON Schema of a profile, for editors that complete and check YAML."""

from typing import Any

from loadlab.profile.paths import sweepable_paths
from loadlab.profile.schema import Profile


def profile_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile file (draft 2020-12); it knows the paths that a sweep may vary."""
    schema = Profile.model_json_schema(by_alias=True)
    schema["properties"]["sweep"]["propertyNames"] = {"enum": sweepable_paths()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
