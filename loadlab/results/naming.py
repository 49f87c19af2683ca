"""Parts of a result by their names: where there is none of a name, the error lists those that there are."""

from collections.abc import Collection
from typing import Final, Protocol, TypeVar

from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.values import list_words

_MOST_LISTED: Final = 20


class HasName(Protocol):
    """What is found by its name."""

    @property
    def name(self) -> str:
        """The name, which no other one of its kind has."""


Named = TypeVar("Named", bound=HasName)


def find_named(what: str, name: str, known: Collection[Named], holder: str) -> Named:
    """Return the `what` (such as "step") of that name; raise LookupError with a sentence on those that `holder` has."""
    by_name = {each.name: each for each in known}
    if name in by_name:
        return by_name[name]
    names = [repr(each) for each in by_name]
    if len(names) > _MOST_LISTED:
        names = [*names[:_MOST_LISTED], f"{len(names) - _MOST_LISTED:,} more"]
    there = list_words(names) if names else "none"
    raise LookupError(f"no {what} {name!r}: {holder} has {there}{did_you_mean(name, by_name)}")
