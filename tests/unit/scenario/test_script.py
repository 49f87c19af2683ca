"""Scenarios are compiled from the sources that travelled, and import each other from there."""

import linecache
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from loadlab.scenario.script import Script, ScriptError, load_script
from loadlab.scenario.sources import forget_sources

FOLDER = "/nowhere/shop"
ITERATION = "async def checkout(user): ...\n"


@pytest.fixture(autouse=True)
def _forgets_the_script() -> Iterator[None]:
    yield
    forget_sources()


def load(files: Mapping[str, str], main: str = "shop.py", function: str = "checkout") -> Script:
    return load_script(
        {f"{FOLDER}/{name}": dedent(source) for name, source in files.items()}, f"{FOLDER}/{main}", function
    )


def error_of(files: Mapping[str, str], main: str = "shop.py") -> str:
    with pytest.raises(ScriptError) as caught:
        load(files, main)
    return str(caught.value)


def test_the_functions_of_a_scenario_are_found_by_their_names() -> None:
    script = load({"shop.py": ITERATION + "async def setup(shared): ...\nasync def on_stop(user): ...\n"})
    assert script.iteration.__name__ == "checkout"
    assert script.setup is not None
    assert script.setup.__name__ == "setup"
    assert script.on_stop is not None
    assert (script.on_start, script.teardown) == (None, None)


def test_modules_of_the_folder_are_imported_from_the_sources() -> None:
    files = {
        "shop.py": "import helpers\nfrom pages.items import item\nfrom pages import total\n"
        "VALUES = helpers.one, item, total\n" + ITERATION,
        "helpers.py": "one = 1\n",
        "pages/__init__.py": "from .items import item\ntotal = item + 1\n",
        "pages/items.py": "from pages import prices\nitem = prices.price\n",
        "pages/prices.py": "price = 7\n",
    }
    assert load(files).iteration.__globals__["VALUES"] == (1, 7, 8)


def test_a_folder_without_init_is_a_package() -> None:
    script = load({"shop.py": "from a.b import c\n" + ITERATION, "a/b/c.py": "d = 1\n"})
    assert script.iteration.__globals__["c"].d == 1


def test_other_modules_are_imported_as_ever_and_those_beside_the_scenario_on_the_disk_are_not(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("found = True\n")
    main = str(tmp_path / "shop.py")
    assert load_script({main: "import json, httpx\n" + ITERATION}, main, "checkout").iteration is not None
    with pytest.raises(ScriptError, match=r"shop.py:1 in <module>\n    import beside\n.*No module named 'beside'"):
        load_script({main: "import beside\n" + ITERATION}, main, "checkout")


def test_a_module_that_is_not_there_is_not_looked_for_in_the_folder_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "late.py").write_text("found = True\n")
    files = {str(tmp_path / "shop.py"): "import pages.late\n" + ITERATION, str(tmp_path / "pages/__init__.py"): ""}
    with pytest.raises(ScriptError, match=r"No module named 'pages.late'"):
        load_script(files, str(tmp_path / "shop.py"), "checkout")


def test_a_module_can_import_the_scenario_itself() -> None:
    script = load({"shop.py": "import helpers\nPRICE = 3\n" + ITERATION, "helpers.py": "import shop\n"})
    names = script.iteration.__globals__
    assert names["helpers"].shop.PRICE == 3


def test_paths_are_those_of_the_user_and_sources_need_no_disk() -> None:
    script = load({"shop.py": ITERATION})
    names = script.iteration.__globals__
    assert names["__file__"] == f"{FOLDER}/shop.py"
    assert names["__name__"] == "shop"
    linecache.checkcache()
    assert linecache.getline(f"{FOLDER}/shop.py", 1) == ITERATION


def test_a_scenario_named_like_a_module_of_python_does_not_take_its_place() -> None:
    import http

    script = load({"http.py": "import http\nSTATUS = http.HTTPStatus.OK\n" + ITERATION}, "http.py")
    assert script.iteration.__globals__["STATUS"] == 200
    assert sys.modules["http"] is http


@pytest.mark.parametrize("name", ["random", "secrets", "httpx"])
def test_a_module_named_like_one_that_others_need_is_refused(name: str) -> None:
    import httpx

    assert httpx
    text = error_of({"shop.py": f"import {name}\n" + ITERATION, f"{name}.py": ""})
    assert text == f"ImportError: {name}.py has the name of a module that Python or loadlab uses: rename it"


def test_what_is_no_module_among_the_modules_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blocked", None)
    monkeypatch.setitem(sys.modules, "clever", 7)
    load({"shop.py": ITERATION})
    assert "clever.py has the name of a module" in error_of({"shop.py": "import clever\n" + ITERATION, "clever.py": ""})


def test_a_scenario_loaded_later_takes_nothing_from_the_one_before() -> None:
    load({"shop.py": "import helpers\n" + ITERATION, "helpers.py": "one = 1\n"})
    assert "No module named 'helpers'" in error_of({"shop.py": "import helpers\n" + ITERATION})
    script = load({"shop.py": "import helpers\n" + ITERATION, "helpers.py": "one = 2\n"})
    assert script.iteration.__globals__["helpers"].one == 2


def test_what_fails_while_it_is_loaded_is_shown_with_the_lines_of_the_user() -> None:
    files = {
        "shop.py": "\nimport pages.items\n" + ITERATION,
        "pages/items.py": "import json\nPRICES = json.loads('')\n",
    }
    assert error_of(files).splitlines() == [
        "shop.py:2 in <module>",
        "    import pages.items",
        "pages/items.py:2 in <module>",
        "    PRICES = json.loads('')",
        "in json",
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    ]


def test_what_only_the_compiler_sees_is_shown_with_its_line() -> None:
    text = error_of({"shop.py": "def checkout(user):\n    await user.sleep(1)\n"})
    assert f'File "{FOLDER}/shop.py", line 2' in text
    assert text.endswith("SyntaxError: 'await' outside async function")


def test_lines_are_counted_as_python_counts_them() -> None:
    source = "separators = '\x0c \x1c \u2028'\r\n# a page\x0c\rvalue = 1\nvalue / 0\n"
    assert error_of({"shop.py": source}).splitlines()[:2] == ["shop.py:4 in <module>", "    value / 0"]


def test_a_scenario_that_ends_the_program_is_no_scenario() -> None:
    assert error_of({"shop.py": "import sys\nsys.exit(3)\n"}).splitlines() == [
        "shop.py:2 in <module>",
        "    sys.exit(3)",
        "SystemExit: 3",
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", "shop.py has no function checkout"),
        ("checkout = 7\n", "shop.py: checkout is int, not a function"),
        ("\ndef checkout(user): ...\n", "shop.py:2: checkout is not a coroutine: write `async def`"),
        ("async def checkout(): ...\n", "shop.py:1: checkout has to take one parameter"),
        ("async def checkout(user, other): ...\n", "shop.py:1: checkout has to take one parameter"),
        ("async def checkout(*, user): ...\n", "shop.py:1: checkout has to take one parameter"),
        (
            "async def checkout(user): yield 1\n",
            "shop.py:1: checkout has a `yield`, so it is a generator and cannot be awaited",
        ),
        (ITERATION + "def setup(shared): ...\n", "shop.py:2: setup is not a coroutine: write `async def`"),
    ],
)
def test_what_cannot_be_a_function_of_a_scenario_is_refused(source: str, text: str) -> None:
    assert error_of({"shop.py": source}) == text


def test_a_decorated_function_and_one_with_defaults_are_functions_of_a_scenario() -> None:
    source = """
        import functools

        def twice(function):
            @functools.wraps(function)
            def call(user):
                return function(user)
            return call

        @twice
        async def checkout(user, times=2): ...

        on_start = functools.partial(checkout, times=3)
    """
    script = load({"shop.py": source})
    assert script.iteration.__name__ == "checkout"
    assert script.on_start is not None
