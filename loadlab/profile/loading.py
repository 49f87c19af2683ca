"""From a profile's file to a checked `Profile`, or to all of its mistakes at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from loadlab.errors import ProfileError
from loadlab.profile.overrides import apply_overrides
from loadlab.profile.schema import Profile, model_of
from loadlab.profile.source import parse_source, read_text
from loadlab.profile.validation import find_mistakes
from loadlab.profile.validation.servers import ServerSpec


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
    found = source.mistakes + apply_overrides(source, overrides)
    # A value that could not be read is None in the data; that None does not fit either is not worth a second line.
    unreadable = {mistake.position for mistake in found}
    mistakes = find_mistakes(source.data, servers, metrics)
    found += [mistake for mistake in source.origins.locate(mistakes) if mistake.position not in unreadable]
    if found:
        raise ProfileError([str(mistake) for mistake in sorted(found)])
    return LoadedProfile(model_of(source.data).model_validate(source.data), text, str(path))
