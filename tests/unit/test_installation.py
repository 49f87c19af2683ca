"""How loadlab is added to: by the pip of its own interpreter, in a checkout or in a wheel's environment."""

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

from loadlab.installation import DISTRIBUTION, install_extra, pip_install


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with pip in a checkout that is the current directory; returns the checkout."""
    checkout = tmp_path / "check out"
    bin_directory = checkout / ".venv/bin"
    bin_directory.mkdir(parents=True)
    (bin_directory / "pip").touch()
    monkeypatch.setattr(sys, "executable", str(bin_directory / "python"))
    monkeypatch.chdir(checkout)
    return checkout


def test_in_a_checkout_it_stays_editable(environment: Path) -> None:
    assert install_extra("servers", environment) == ".venv/bin/pip install -e '.[servers]'"


def test_from_elsewhere_paths_are_absolute(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(environment.parent)
    pip = environment / ".venv/bin/pip"
    assert install_extra("servers", environment) == f"'{pip}' install -e '{environment}[servers]'"


def test_a_wheel_is_named_by_its_distribution(environment: Path) -> None:
    pip = environment / ".venv/bin/pip"
    assert install_extra("servers", None) == f"'{pip}' install '{DISTRIBUTION}[servers]'"


def test_without_a_program_pip_the_module_is_run(environment: Path) -> None:
    (environment / ".venv/bin/pip").unlink()
    assert pip_install("py-spy", checkout=environment) == ".venv/bin/python -m pip install py-spy"


def test_without_pip_uv_installs(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert pip_install("py-spy", checkout=environment) == "uv pip install --python .venv/bin/python py-spy"


def test_the_distribution_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["name"] == DISTRIBUTION
    assert set(project["scripts"]) == {"loadlab"}
