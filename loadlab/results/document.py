"""The base of all models of run.json."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Data that travels: frozen, and strict about names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
