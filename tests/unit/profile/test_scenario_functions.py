import ast
from textwrap import dedent

import pytest

from loadlab.profile.scenario_functions import function_mistakes, names_in


def mistakes_in(text: str, function: str = "checkout") -> list[str]:
    return [*function_mistakes(names_in(ast.parse(dedent(text)), lambda _: None), function, "shop.py")]


@pytest.mark.parametrize(
    "text",
    [
        "async def checkout(user): ...",
        "async def checkout(user, /, times=3, *, fast=True, **others): ...",
        "async def checkout(*anything): ...",
        "async def checkout(user):\n    async def pages():\n        yield 1",
        "if True:\n    async def checkout(user): ...",
        "try:\n    pass\nfinally:\n    async def checkout(user): ...",
        "def checkout(): ...\nasync def checkout(user): ...",
        # What syntax does not show is left to Python.
        "checkout = make()",
        "checkout: object = make()",
        "(checkout := make())",
        "from flows import checkout",
        "import flows as checkout",
        "from flows import *",
        "for checkout in flows: pass",
        "@flow\ndef checkout(): ...",
    ],
)
def test_what_may_be_an_iteration(text: str) -> None:
    assert mistakes_in(text) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def checkout(user): ...", "checkout is not a coroutine; write async def checkout(user)"),
        ("class checkout: ...", "checkout is a class, not a coroutine; write async def checkout(user)"),
        ("async def checkout(): ...", "checkout takes no parameter, but is called with one: async def checkout(user)"),
        (
            "async def checkout(*, user): ...",
            "checkout takes no parameter, but is called with one: async def checkout(user)",
        ),
        (
            "async def checkout(user, shop, *, fast): ...",
            "checkout is called with the user only: give shop and fast a default, or remove it",
        ),
        (
            "async def checkout(user):\n    yield 1",
            "checkout has a yield, which makes it a generator and not a coroutine; remove it",
        ),
    ],
)
def test_what_is_no_iteration(text: str, what: str) -> None:
    assert mistakes_in(f"import json\n{text}") == [f"shop.py:2: {what}"]


@pytest.mark.parametrize(("name", "parameter"), [("setup", "shared"), ("teardown", "shared"), ("on_start", "user")])
def test_hooks_are_checked_where_they_exist(name: str, parameter: str) -> None:
    text = f"async def checkout(user): ...\ndef {name}(): ..."
    assert mistakes_in(text) == [
        f"shop.py:2: {name} is not a coroutine; write async def {name}({parameter})",
        f"shop.py:2: {name} takes no parameter, but is called with one: async def {name}({parameter})",
    ]


def test_a_function_that_does_not_exist() -> None:
    text = (
        "async def setup(shared): ...\nasync def checkout(user): ...\nasync def browse(user): ...\ndef chekcut(): ..."
    )
    assert mistakes_in(text, "chekout") == ["shop.py has no function 'chekout'; did you mean 'checkout' in line 2?"]
    assert mistakes_in(text, "order") == ["shop.py has no function 'order'; it has checkout and browse"]
    assert mistakes_in("x = 1", "order") == ["shop.py has no function 'order'"]


def test_many_functions_are_not_all_listed() -> None:
    text = "\n".join(f"async def f{number}(user): ..." for number in range(20))
    assert mistakes_in(text, "order") == [
        "shop.py has no function 'order'; it has f0, f1, f2, f3, f4, f5, f6, f7 and others"
    ]


def test_names_within_functions_and_classes_are_their_own() -> None:
    text = """
        def f():
            async def checkout(user): ...
        class C:
            async def checkout(self, user): ...
        x = [checkout for checkout in y]
    """
    assert mistakes_in(text) == ["shop.py has no function 'checkout'"]


def test_a_deep_tree_is_looked_through() -> None:
    assert mistakes_in(f"x = {' + '.join(['1'] * 2000)}\nasync def checkout(user): ...") == []


def test_a_hook_is_no_iteration() -> None:
    (found,) = mistakes_in("async def setup(shared): ...", "setup")
    assert found == "setup of shop.py is called by itself when its time has come; name the function of an iteration"
