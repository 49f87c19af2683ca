"""Where the targets and profiles that ship with loadlab lie, in a checkout and in an installed wheel alike."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def bundled_directory(kind: Literal["targets", "profiles"]) -> Path:
    """Return the folder of the bundled `kind`: inside the package when installed, beside it in a checkout."""
    installed = _PACKAGE / "bundled" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
