from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile.scenario import ScenarioMistakes, ScenarioName, check_scenario, read_scenario

ITERATION = "async def checkout(user): ...\n"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


def package(folder: Path, name: str, text: str = "") -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)


def mistakes_of(folder: Path, function: str = "checkout", main: str = "shop.py") -> list[str]:
    with pytest.raises(ScenarioMistakes) as caught:
        check_scenario(str(folder / main), function)
    return [each.replace(f"{folder}/", "") for each in caught.value.mistakes]


def test_a_name_is_a_file_and_a_function() -> None:
    assert ScenarioName.parse("/flows/shop.py:checkout") == ScenarioName("/flows/shop.py", "checkout")
    assert ScenarioName.parse("C:/x/a b.py:f_1") == ScenarioName("C:/x/a b.py", "f_1")


@pytest.mark.parametrize("text", ["shop.py", "shop:checkout", "shop.py::checkout", ".py:checkout", "shop.py:a.b", ""])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a Python file and one of its functions, such as shop\.py:checkout"):
        ScenarioName.parse(text)


def test_the_sources_are_the_file_and_what_it_imports_from_its_folder(tmp_path: Path) -> None:
    shop = """
        import json, os.path
        import httpx
        from loadlab.scenario import User
        import helpers as tools
        from flows import basket
        from flows.deep.login import log_in
        async def checkout(user):
            import late
    """
    write(tmp_path, shop=shop, helpers="import more", more="", late="", unused="", json="")
    package(tmp_path, "flows", "from . import totals\n")
    write(tmp_path / "flows", basket="from .totals import total\nimport helpers", totals="", other="")
    package(tmp_path / "flows", "deep")
    write(tmp_path / "flows" / "deep", login="from ..basket import add")
    source = check_scenario(str(tmp_path / "shop.py"), "checkout")
    assert source.main == "shop.py"
    assert source.function == "checkout"
    assert sorted(source.files) == [
        "flows/__init__.py",
        "flows/basket.py",
        "flows/deep/__init__.py",
        "flows/deep/login.py",
        "flows/totals.py",
        "helpers.py",
        "late.py",
        "more.py",
        "shop.py",
    ]
    assert source.files["helpers.py"] == "import more"


def test_a_package_comes_before_a_module_of_its_name_as_in_python(tmp_path: Path) -> None:
    write(tmp_path, shop="import flows\n" + ITERATION, flows="")
    package(tmp_path, "flows")
    assert [*check_scenario(str(tmp_path / "shop.py"), "checkout").files] == ["shop.py", "flows/__init__.py"]


def test_the_hooks_that_it_has(tmp_path: Path) -> None:
    write(tmp_path, shop=ITERATION + "async def setup(shared): ...\nfrom helpers import on_start\n", helpers="")
    assert check_scenario(str(tmp_path / "shop.py"), "checkout").has == {"setup", "on_start"}


def test_hooks_that_are_imported_with_all_else(tmp_path: Path) -> None:
    helpers = ITERATION + "async def on_stop(user): ...\nfrom base import *\nasync def _own(user): ..."
    write(tmp_path, shop="from helpers import *\n", helpers=helpers, base="async def teardown(shared): ...")
    source = check_scenario(str(tmp_path / "shop.py"), "checkout")
    assert source.has == {"on_stop", "teardown"}
    assert mistakes_of(tmp_path, "_own") == ["shop.py has no function '_own'"]


def test_what_was_checked_is_what_is_read_later(tmp_path: Path) -> None:
    write(tmp_path, shop=ITERATION)
    shop = tmp_path / "shop.py"
    checked = check_scenario(str(shop), "checkout")
    shop.write_text("not Python")
    assert read_scenario(str(shop), "checkout") is checked
    shop.write_text(ITERATION + "async def setup(shared): ...\n")
    assert check_scenario(str(shop), "checkout").has == {"setup"}
    assert read_scenario(str(shop), "checkout").has == {"setup"}


def test_a_scenario_that_was_never_checked_is_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path, shop=ITERATION)
    assert read_scenario(str(tmp_path / "shop.py"), "checkout").files == {"shop.py": ITERATION}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path) == ["shop.py cannot be read: No such file or directory"]
    (tmp_path / "folder.py").mkdir()
    assert mistakes_of(tmp_path, main="folder.py") == ["folder.py is not a regular file"]
    (tmp_path / "shop.py").write_bytes(b"# a\n# \xff\n")
    assert mistakes_of(tmp_path) == ["shop.py:2: not UTF-8 text; save the file as UTF-8"]


@given(st.binary(max_size=40) | st.text("ab(){}[]:=,*@'\\ \n\t\0#1é").map(str.encode))
def test_whatever_is_in_a_file_is_a_mistake_or_a_scenario(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shop.py"
        path.write_bytes(content + b"\nasync def checkout(user): ...\n")
        files, mistakes = {"shop.py": ""}, [str(path)]
        try:
            files = check_scenario(str(path), "checkout").files
        except ScenarioMistakes as error:
            mistakes = error.mistakes
        assert "shop.py" in files
        assert all(each.startswith(str(path)) for each in mistakes)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_bytes(b"\xef\xbb\xbf" + ITERATION.encode())
    assert check_scenario(str(tmp_path / "shop.py"), "checkout").files["shop.py"] == ITERATION


@pytest.mark.parametrize(
    ("text", "line"),
    [("async def checkout(user)\n    ...", 1), ("x = 1\nreturn x", 2), ("x = 1\n\nawait x", 3), ("x = (\n", 1)],
)
def test_what_is_no_python(tmp_path: Path, text: str, line: int) -> None:
    write(tmp_path, shop=text)
    (found,) = mistakes_of(tmp_path)
    assert found.startswith(f"shop.py:{line}: not valid Python: ")


def test_what_python_cannot_parse_at_all(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("x = 1 # \0")
    assert "shop.py: not valid Python: " in mistakes_of(tmp_path)[0]


def test_mistakes_of_all_files_are_reported(tmp_path: Path) -> None:
    write(tmp_path, shop="import helpers\nimport nowhere_at_all\n", helpers="def f(:")
    found = mistakes_of(tmp_path)
    assert found[0] == "shop.py:2: there is no module nowhere_at_all, neither beside this file nor installed"
    assert found[1].startswith("helpers.py:1: not valid Python: ")
    assert found[2] == "shop.py has no function 'checkout'"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import helprs", "there is no module helprs, neither beside this file nor installed; did you mean 'helpers'?"),
        ("import flows.bskt", "there is no module flows.bskt in flows"),
        ("from . import helpers", "there is no package above to import from; write it without the leading dots"),
        ("import plain.x", "plain is not a package; put an empty __init__.py into it"),
    ],
)
def test_imports_that_are_sure_to_fail(tmp_path: Path, line: str, what: str) -> None:
    package(tmp_path, "flows")
    write(tmp_path, shop=f"{ITERATION}{line}\n", helpers="", plain__x="")
    assert mistakes_of(tmp_path) == [f"shop.py:2: {what}"]


@pytest.mark.parametrize("library", ["asyncio", "anyio", "trio"])
def test_another_event_loop_is_refused(tmp_path: Path, library: str) -> None:
    write(tmp_path, shop=f"from {library} import sleep\n{ITERATION}")
    (found,) = mistakes_of(tmp_path)
    assert found.startswith(
        f"shop.py:1: {library} cannot be used in a scenario, which runs on loadlab's own event loop"
    )


def test_an_import_that_may_fail_is_left_to_python(tmp_path: Path) -> None:
    text = f"try:\n    import orjson_or_so as json\nexcept ImportError:\n    import json\n{ITERATION}"
    write(tmp_path, shop=text)
    assert [*check_scenario(str(tmp_path / "shop.py"), "checkout").files] == ["shop.py"]


def test_a_scenario_that_extends_the_path_may_import_what_it_finds_there(tmp_path: Path) -> None:
    text = f"import sys\nsys.path.insert(0, '../lib')\nimport of_the_lib, helpers\n{ITERATION}"
    write(tmp_path, shop=text, helpers="import also_of_the_lib")
    assert [*check_scenario(str(tmp_path / "shop.py"), "checkout").files] == ["shop.py", "helpers.py"]


def test_a_whole_library_beside_the_scenario_is_too_much(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(250)]
    write(tmp_path, shop=f"import {', '.join(names)}\n{ITERATION}", **dict.fromkeys(names, ""))
    assert mistakes_of(tmp_path) == ["shop.py imports more than 200 files of its folder"]


def test_a_huge_file_is_too_much(tmp_path: Path) -> None:
    write(tmp_path, shop=f"import table\n{ITERATION}", table=f"X = '{'x' * 5 * 1024 * 1024}'\n")
    assert mistakes_of(tmp_path) == ["table.py: the files of a scenario are larger than 5 MiB together"]
