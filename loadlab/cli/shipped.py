"""The profiles that ship, and which one a user means."""

from pathlib import Path

from loadlab.errors import LoadlabError
from loadlab.installation import bundled_directory
from loadlab.profile.mistakes import did_you_mean


def shipped_profiles() -> list[Path]:
    """Return their files, in the order of their names."""
    return sorted(bundled_directory("profiles").glob("*.yaml"))


def find_profile(name: str) -> Path:
    """Return the file that a user means: a path, or else the name of a profile that ships. Raises LoadlabError."""
    shipped = {path.stem: path for path in shipped_profiles()}
    if not Path(name).exists() and name in shipped:
        return shipped[name]
    if not Path(name).exists() and "/" not in name and not name.endswith((".yaml", ".yml")):
        raise LoadlabError(
            f"{name}: neither a file nor a profile that ships{did_you_mean(name, shipped)}; "
            "`loadlab profiles` lists those"
        )
    return Path(name)
