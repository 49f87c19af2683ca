"""Other event loops are refused where they have no place, in one sentence that says what to use instead."""

import asyncio
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadlab.scenario.other_loops import ForeignAwait, explain_other_loop, forbid_other_loops, permit_other_loops
from loadlab.scenario.script import ScriptError, load_script
from loadlab.scenario.sources import forget_sources
from loadlab.scenario.tracebacks import format_trace

INSTEAD = (
    "a scenario runs on loadlab's own event loop: use user.http for requests, user.group() for concurrent ones, "
    "user.sleep to wait, and user.thread(f, ...) for blocking calls"
)


@pytest.fixture(autouse=True)
def _only_here() -> Iterator[None]:
    forbid_other_loops()
    forbid_other_loops()
    yield
    permit_other_loops()
    forget_sources()


@pytest.fixture
def _not_imported_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asyncio", "anyio", "trio", "gevent"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def failure_of(source: str, **helpers: str) -> list[str]:
    files = {"/shop/shop.py": source, **{f"/shop/{name}.py": text for name, text in helpers.items()}}
    with pytest.raises(ScriptError) as caught:
        load_script(files, "/shop/shop.py", "checkout")
    return str(caught.value).splitlines()


@pytest.mark.usefixtures("_not_imported_yet")
@pytest.mark.parametrize("name", ["asyncio", "anyio", "trio", "curio", "gevent"])
def test_a_file_of_the_users_cannot_import_one(name: str) -> None:
    assert failure_of(f"\nimport {name}\n") == [
        "shop.py:2 in <module>",
        f"    import {name}",
        f"ImportError: shop.py:2 needs {name}, but {INSTEAD}",
    ]


@pytest.mark.usefixtures("_not_imported_yet")
def test_it_is_the_file_that_imports_it_which_is_named() -> None:
    lines = failure_of("import helpers\n", helpers="import json\nfrom asyncio import sleep\n")
    assert lines[-1] == f"ImportError: helpers.py:2 needs asyncio, but {INSTEAD}"


@pytest.mark.usefixtures("_not_imported_yet")
def test_an_import_by_name_is_found_as_well() -> None:
    lines = failure_of("import importlib\nimportlib.import_module('anyio')\n")
    assert lines[-1] == f"ImportError: shop.py:2 needs anyio, but {INSTEAD}"


@pytest.mark.usefixtures("_not_imported_yet")
def test_a_scenario_may_do_without() -> None:
    source = "try:\n    import trio\nexcept ImportError:\n    trio = None\nasync def checkout(user): ...\n"
    assert load_script({"/shop.py": source}, "/shop.py", "checkout").iteration is not None


def library(name: str, source: str) -> types.ModuleType:
    module = types.ModuleType(name)
    exec(source, module.__dict__)
    return module


def test_a_library_may_import_one_in_passing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "curio.py").write_text("found = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert library("some_client", "import curio").curio.found


@pytest.mark.usefixtures("_not_imported_yet")
@pytest.mark.parametrize("name", ["httpx", "httpcore"])
def test_httpx_does_without(name: str) -> None:
    with pytest.raises(ImportError, match=f"^{name} needs anyio, but a scenario runs"):
        library(f"{name}._backends.anyio", "import anyio")


@pytest.mark.usefixtures("_not_imported_yet")
def test_what_replaces_sockets_under_everybodys_feet_is_refused_to_libraries_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some_client = types.ModuleType("some_client")
    exec("def connect():\n    import gevent\n", some_client.__dict__)
    monkeypatch.setitem(sys.modules, "some_client", some_client)
    lines = failure_of("import some_client\nsome_client.connect()\n")
    assert lines[-1] == f"ImportError: shop.py:2: some_client needs gevent, but {INSTEAD}"


def test_awaiting_something_of_another_loop_says_whose_it_is() -> None:
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    assert str(ForeignAwait(future)) == f"it awaits Future of asyncio, but {INSTEAD}"
    assert str(ForeignAwait(7)) == f"it awaits int, but {INSTEAD}"


def test_an_error_of_a_loop_that_does_not_run_is_explained() -> None:
    with pytest.raises(RuntimeError) as caught:
        asyncio.get_running_loop()
    assert format_trace(caught.value).splitlines()[-2:] == ["RuntimeError: no running event loop", f"({INSTEAD})"]
    assert explain_other_loop(RuntimeError("no luck")) == ""
    assert explain_other_loop(KeyError("no running event loop")) == ""
