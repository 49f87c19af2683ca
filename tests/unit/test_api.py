"""The API for Python: what importing it costs, and mistakes that are found before anything is measured."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

import loadlab


def test_importing_loadlab_imports_nothing_that_takes_time() -> None:
    asked = "import sys, loadlab; print(sorted(name for name in sys.modules if name.startswith(('loadlab.', 'numpy'))))"
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    assert {*loadlab.__all__} <= {*dir(loadlab)}
    assert all(getattr(loadlab, name) is not None for name in loadlab.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'run_profiel'"):
        _ = loadlab.run_profiel


def test_what_has_no_load_takes_no_cluster() -> None:
    with pytest.raises(loadlab.LoadlabError, match="switch-cost measures this machine without a load"):
        loadlab.run_profile("switch-cost", cluster="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("profile", "settings", "message"),
    [
        ("selct-vs-epoll", {}, "selct-vs-epoll: neither a file nor a profile that ships; did you mean"),
        ("select-vs-epoll", {"load.idel": 3}, "settings load.idel=3: load.idel: unknown key; did you mean"),
        ("select-vs-epoll", {"load.idle": {3}}, "settings load.idle: a set ({3}) is neither"),
        ({"name": "x"}, {}, "profile: load: missing"),
    ],
)
def test_mistakes_are_errors_of_loadlab(
    profile: str | Mapping[str, object], settings: Mapping[str, object], message: str
) -> None:
    with pytest.raises(loadlab.LoadlabError) as caught:
        loadlab.run_profile(profile, settings=settings)
    assert str(caught.value).startswith(message)
