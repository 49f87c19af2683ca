"""Profiles of a test, read from a file called x.yaml: as they are, or for their mistakes."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from loadlab.errors import ProfileError
from loadlab.profile import LoadProfile, Profile, ServerSpec, load_profile


def read_profile(
    folder: Path,
    text: str,
    *overrides: str,
    servers: Mapping[str, ServerSpec] | None = None,
    metrics: Collection[str] | None = None,
) -> Profile:
    """Return the profile of a text without mistakes."""
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path, overrides, servers, metrics).profile


def read_load_profile(
    folder: Path,
    text: str,
    *overrides: str,
    servers: Mapping[str, ServerSpec] | None = None,
    metrics: Collection[str] | None = None,
) -> LoadProfile:
    """Return the profile of a text that measures a server."""
    profile = read_profile(folder, text, *overrides, servers=servers, metrics=metrics)
    assert isinstance(profile, LoadProfile)
    return profile


def find_mistakes(
    folder: Path,
    text: str,
    *overrides: str,
    servers: Mapping[str, ServerSpec] | None = None,
    metrics: Collection[str] | None = None,
) -> list[str]:
    """Return what is wrong with a text, without the folder of the file."""
    with pytest.raises(ProfileError) as caught:
        read_profile(folder, text, *overrides, servers=servers, metrics=metrics)
    return [line.removeprefix(f"{folder}/") for line in caught.value.mistakes]
