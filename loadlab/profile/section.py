"""What every part of a profile is: a mapping with known keys."""

from pydantic import BaseModel, ConfigDict

Scalar = str | int | float | bool


class Section(BaseModel):
    """A mapping of the profile: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
