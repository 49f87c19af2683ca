"""How loadlab is installed here, from a checkout or as a wheel: where what ships with it lies, and how to add to it."""

import importlib.util
import shlex
import sys
from pathlib import Path
from typing import Final, Literal

DISTRIBUTION: Final = "loadlab-toolkit"
"""The name to install by. The package and the command are `loadlab`; on PyPI that name is another project's."""

_PACKAGE: Final = Path(__file__).parent
_SHIPPED: Final = _PACKAGE / "bundled"
_CHECKOUT: Final = None if _SHIPPED.is_dir() else _PACKAGE.parent  # a wheel has its folders in the package


def bundled_directory(kind: Literal["targets", "profiles"]) -> Path:
    """Return the folder of the bundled `kind`: inside the package when installed, beside it in a checkout."""
    return (_CHECKOUT or _SHIPPED) / kind


def install_extra(extra: str, checkout: Path | None = _CHECKOUT) -> str:
    """Return the command that adds an extra of loadlab's to the environment that it runs in.

    A checkout is installed in editable mode and stays so. In a wheel's environment pip finds the distribution
    installed already, and takes from the index only what the extra adds.
    """
    if checkout is None:
        return pip_install(f"{DISTRIBUTION}[{extra}]", checkout=None)
    return pip_install(f"{_shorten(checkout, checkout)}[{extra}]", "-e", checkout=checkout)


def pip_install(requirement: str, *options: str, checkout: Path | None = _CHECKOUT) -> str:
    """Return the command that installs a requirement into the environment that loadlab runs in."""
    quoted = f"'{requirement}'" if "[" in requirement else shlex.quote(requirement)
    return " ".join([_install_command(checkout), *options, quoted])


def _install_command(checkout: Path | None) -> str:
    python = Path(sys.executable)
    if importlib.util.find_spec("pip") is None:  # as in an environment that uv made
        return f"uv pip install --python {shlex.quote(_shorten(python, checkout))}"
    pip = python.with_name("pip")
    if pip.exists():
        return f"{shlex.quote(_shorten(pip, checkout))} install"
    return f"{shlex.quote(_shorten(python, checkout))} -m pip install"


def _shorten(path: Path, checkout: Path | None) -> str:
    """Return a path, relative to the checkout where that is the current directory."""
    if checkout is not None and path.is_relative_to(checkout) and Path.cwd() == checkout:
        return str(path.relative_to(checkout))
    return str(path)
