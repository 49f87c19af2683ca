"""The functions of a scenario, checked by their syntax: that they exist, are coroutines, and take one argument."""

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from loadlab.profile.suggestions import nearest
from loadlab.profile.values import list_words

HOOKS: Final[Mapping[str, str]] = {"setup": "shared", "on_start": "user", "on_stop": "user", "teardown": "shared"}
"""The functions that a scenario may have beside that of an iteration, each with its parameter."""

_MOST_LISTED: Final = 8

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Names: TypeAlias = Mapping[str, Definition | None]


def names_in(tree: ast.Module, module: Callable[[str], ast.Module | None]) -> Names:
    """Return what a file defines at its top level: by name the definition, or None where syntax does not show it.

    That is what is imported, assigned or decorated. `module` returns the syntax of a module that is imported as a
    whole (`from helpers import *`), None if it cannot be known.
    """
    names: dict[str, Definition | None] = {}
    _collect(tree, names, module, set())
    return names


def function_mistakes(names: Names, function: str, shown: str) -> Iterator[str]:
    """Yield what is wrong with the function of an iteration and with the hooks of a scenario; `shown` is the file."""
    if function in HOOKS:
        yield f"{function} of {shown} is called by itself when its time has come; name the function of an iteration"
    elif function not in names and "*" not in names:
        yield f"{shown} has no function {function!r}{_functions_instead(names, function)}"
    for name, parameter in {function: "user", **HOOKS}.items():
        if (found := names.get(name)) is not None:
            yield from (f"{shown}:{found.lineno}: {what}" for what in _mistakes_in(found, parameter))


def _mistakes_in(found: Definition, parameter: str) -> Iterator[str]:
    name, wanted = found.name, f"async def {found.name}({parameter})"
    if isinstance(found, ast.ClassDef):
        yield f"{name} is a class, not a coroutine; write {wanted}"
        return
    if isinstance(found, ast.FunctionDef):
        yield f"{name} is not a coroutine; write {wanted}"
    elif any(isinstance(each, ast.Yield) for each in _own_nodes(found)):
        yield f"{name} has a yield, which makes it a generator and not a coroutine; remove it"
    arguments = found.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    keywords = [
        each.arg for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default
    ]
    if not positional and not arguments.vararg:
        yield f"{name} takes no parameter, but is called with one: {wanted}"
    elif required > 1 or keywords:
        lacking = [each.arg for each in positional[1:required]] + keywords
        yield f"{name} is called with the {parameter} only: give {list_words(lacking)} a default, or remove it"


def _functions_instead(names: Names, function: str) -> str:
    """Return what the author may have meant."""
    known = {
        name: found.lineno
        for name, found in names.items()
        if isinstance(found, ast.AsyncFunctionDef) and name not in HOOKS
    }
    if near := nearest(function, known):
        return f"; did you mean {near!r} in line {known[near]}?"
    listed = [*known][:_MOST_LISTED]
    return f"; it has {list_words([*listed, 'others'] if len(known) > len(listed) else listed)}" if known else ""


def _collect(
    tree: ast.Module, names: dict[str, Definition | None], module: Callable[[str], ast.Module | None], seen: set[str]
) -> None:
    """Note what is defined in a file, in the order of the text; functions and classes have names of their own."""
    waiting: list[ast.AST] = [tree]  # not by recursion: a long sum is a deep tree
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names[node.name] = None if node.decorator_list else node
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.Name(ctx=ast.Store()):
                names[node.id] = None
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                _collect_all_of(node, names, module, seen)
            case ast.alias():
                names[node.asname or node.name.partition(".")[0]] = None
            case _:
                waiting.extend(reversed([*ast.iter_child_nodes(node)]))


def _collect_all_of(
    node: ast.ImportFrom,
    names: dict[str, Definition | None],
    module: Callable[[str], ast.Module | None],
    seen: set[str],
) -> None:
    origin = node.module or ""
    tree = None if node.level else module(origin)
    if tree is None:
        names["*"] = None  # it may have any name
    elif origin not in seen:
        inner: dict[str, Definition | None] = {}
        _collect(tree, inner, module, seen | {origin})
        # A definition there has another file than the lines that are reported.
        names.update({name: None for name in inner if not name.startswith("_")})


def _own_nodes(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield what is in the body of a function, but not in functions within it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
