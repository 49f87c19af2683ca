"""A scenario's functions, from the sources that travelled with the run; nothing is read from the disk.

A scenario imports the modules of its own folder from these sources, and all else as any program does; the folder
itself is not on `sys.path`.
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

from loadlab.scenario.sources import Sources
from loadlab.scenario.tracebacks import format_trace

ScenarioFunction: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]


class ScriptError(Exception):
    """A scenario that cannot be run; the text says why, with the user's lines."""


@dataclass(frozen=True, slots=True)
class Script:
    """The functions of a scenario: one iteration of a user, and those beside it that its file has."""

    iteration: ScenarioFunction
    setup: ScenarioFunction | None
    teardown: ScenarioFunction | None
    on_start: ScenarioFunction | None
    on_stop: ScenarioFunction | None


def load_script(files: Mapping[str, str], main: str, function: str) -> Script:
    """Execute the file `main` of `files`, sources by their paths, and return the functions of the scenario `function`.

    One scenario at a time: one that was loaded before in this process is forgotten. Raises ScriptError.
    """
    sources = Sources(files, main)
    try:
        module = sources.load_main()
    except (Exception, SystemExit) as error:
        raise ScriptError(format_trace(error)) from None
    shown = sources.shown(main)
    iteration = _function(module, shown, function)
    if iteration is None:
        raise ScriptError(f"{shown} has no function {function}")
    return Script(
        iteration,
        _function(module, shown, "setup"),
        _function(module, shown, "teardown"),
        _function(module, shown, "on_start"),
        _function(module, shown, "on_stop"),
    )


def _function(module: ModuleType, shown: str, name: str) -> ScenarioFunction | None:
    """Return the function of that name; None if there is none. Raises ScriptError if it cannot be one of a scenario.

    Most of it was seen before the run, without executing anything; but not what a decorator returns.
    """
    function = getattr(module, name, None)
    if function is None:
        return None
    problem = _problem(function)
    if problem is None:
        return function  # type: ignore[no-any-return]  # as far as it can be known
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    where = f"{shown}:{code.co_firstlineno}" if code is not None and code.co_filename == module.__file__ else shown
    raise ScriptError(f"{where}: {name} {problem}")


def _problem(function: object) -> str | None:
    """Return why something cannot be a function of a scenario, None if it may be one."""
    if not callable(function):
        return f"is {type(function).__name__}, not a function"
    if inspect.isasyncgenfunction(function):
        return "has a `yield`, so it is a generator and cannot be awaited"
    if inspect.isfunction(function) and not inspect.iscoroutinefunction(function) and not _is_wrapper(function):
        return "is not a coroutine: write `async def`"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return "has to take one parameter"
    except ValueError:  # one in C, whose parameters are not known
        return None
    return None


def _is_wrapper(function: object) -> bool:
    """Return whether a decorator has made it, which may return another function's coroutine."""
    return hasattr(function, "__wrapped__")
