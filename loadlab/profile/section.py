"""What every part of a profile is: a mapping with known keys."""

from typing import Any

from pydantic import BaseModel, ConfigDict

Scalar = str | int | float | bool


class Section(BaseModel):
    """A mapping of the profile: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def without_default(schema: dict[str, Any]) -> None:
    """Take the default out of a key's JSON Schema, which cannot say that it follows from another key."""
    del schema["default"]
