"""Scenarios: a load written in Python. Their sources are read and checked here, and never executed.

`load.scenario` names a file and one of its functions, the iteration of a user. What travels to the workers is the text
of that file and of all modules that it imports from its own folder, as it was read when the profile was checked.
"""

import ast
import importlib.util
import os
import sys
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from loadlab.profile.scenario_functions import HOOKS, function_mistakes, names_in
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.values import Text
from loadlab.units import printable

SCENARIO: Final = Text(
    r"[^\x00]*[^\x00/]\.py:[A-Za-z_]\w*", "a Python file and one of its functions, such as shop.py:checkout"
)
"""How a scenario is written in a profile."""

OTHER_LOOPS: Final = ("asyncio", "anyio", "trio")
"""Libraries with an event loop of their own, which cannot run on loadlab's."""

_MOST_FILES: Final = 200
_MOST_BYTES: Final = 5 * 1024 * 1024
_MOST_KEPT: Final = 64
_UTF8_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ScenarioName:
    """The parts of `load.scenario`: the file's path, and the name of the function."""

    file: str
    function: str

    @classmethod
    def parse(cls, text: str) -> "ScenarioName":
        """Read "shop.py:checkout"; raise ValueError with a sentence if it is not of that form."""
        file, _, function = SCENARIO.read(text).rpartition(":")
        return cls(file, function)


@dataclass(frozen=True, slots=True)
class ScenarioSource:
    """The sources of a scenario: the texts of `files`, by their paths below the folder of the `main` one.

    `function` is that of an iteration; `has` names those of setup, on_start, on_stop and teardown that `main` has.
    """

    main: str
    function: str
    files: dict[str, str]
    has: frozenset[str]


class ScenarioMistakes(ValueError):
    """What is wrong with the sources of a scenario: a sentence each, with file and line."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


_KEPT: Final[dict[tuple[str, str], ScenarioSource]] = {}


def read_scenario(path: str, function: str) -> ScenarioSource:
    """Return the sources of a scenario as they were when they were last checked, else as they are now.

    A run so measures what its profile was checked with, whatever happens to the files meanwhile. Raises as
    `check_scenario` does.
    """
    return _KEPT.get((path, function)) or check_scenario(path, function)


def check_scenario(path: str, function: str) -> ScenarioSource:
    """Read the sources of a scenario, and keep them; raise ScenarioMistakes with every mistake found in them."""
    sources = _Sources(*os.path.split(path))
    sources.collect()
    mistakes = sources.mistakes
    if (tree := sources.trees.get(sources.main)) is not None:
        names = names_in(tree, lambda module: sources.trees.get(sources.find(module) or ""))
        mistakes = [*mistakes, *function_mistakes(names, function, sources.shown(sources.main))]
    if mistakes:
        raise ScenarioMistakes(mistakes)
    source = ScenarioSource(sources.main, function, sources.texts, frozenset(HOOKS) & names.keys())
    _KEPT.pop((path, function), None)
    _KEPT[path, function] = source
    if len(_KEPT) > _MOST_KEPT:
        del _KEPT[next(iter(_KEPT))]
    return source


class _Sources:
    """A file and the modules that it imports from its folder, directly or through others."""

    def __init__(self, folder: str, main: str) -> None:
        self.folder = folder
        self.main = main
        self.texts: dict[str, str] = {}
        self.trees: dict[str, ast.Module] = {}
        self.mistakes: list[str] = []
        self._extends_path = False  # whether one of them adds to what can be imported

    def shown(self, file: str) -> str:
        """Return a file's whole path, for sentences."""
        return printable(os.path.join(self.folder, file))

    def collect(self) -> None:
        """Read all of them."""
        waiting, seen = deque([self.main]), {self.main}
        while waiting and not self._is_too_much():
            file = waiting.popleft()
            try:
                self.texts[file] = self._read(file)
                self.trees[file] = tree = _parse(self.texts[file], self.shown(file))
            except ValueError as error:
                self.mistakes.append(str(error))
                continue
            self._extends_path = self._extends_path or _uses_sys_path(tree)
            self.mistakes += self._import_mistakes(file, tree)
            for module in _imported_modules(file, tree):
                found = [each for part in _with_packages(module) if (each := self.find(part)) and each not in seen]
                seen.update(found)
                waiting.extend(found)

    def find(self, module: str) -> str | None:
        """Return the file of a module in the folder; None if there is none, or Python has that module itself."""
        if module.partition(".")[0] in sys.stdlib_module_names:
            return None
        path = module.replace(".", "/")
        candidates = (f"{path}/__init__.py", f"{path}.py")  # in the order in which Python looks
        return next((each for each in candidates if os.path.isfile(os.path.join(self.folder, each))), None)

    def _is_too_much(self) -> bool:
        if len(self.texts) <= _MOST_FILES:
            return False
        self.mistakes.append(f"{self.shown(self.main)} imports more than {_MOST_FILES} files of its folder")
        return True

    def _read(self, file: str) -> str:
        shown = self.shown(file)
        path = os.path.join(self.folder, file)
        room = _MOST_BYTES - sum(map(len, self.texts.values()))
        if os.path.exists(path) and not os.path.isfile(path):
            raise ValueError(f"{shown} is not a regular file")
        try:
            with open(path, "rb") as opened:
                content = opened.read(room + 1)
        except OSError as error:
            raise ValueError(f"{shown} cannot be read: {error.strerror}") from None
        if len(content) > room:
            raise ValueError(f"{shown}: the files of a scenario are larger than {_MOST_BYTES >> 20} MiB together")
        try:
            return content.removeprefix(_UTF8_BOM).decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise ValueError(f"{shown}:{line}: not UTF-8 text; save the file as UTF-8") from None

    def _import_mistakes(self, file: str, tree: ast.Module) -> Iterator[str]:
        """Yield the imports that are sure to fail: those at the left margin, which nothing catches."""
        for node in tree.body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            at = f"{self.shown(file)}:{node.lineno}"
            if isinstance(node, ast.ImportFrom) and node.level > file.count("/"):
                yield f"{at}: there is no package above to import from; write it without the leading dots"
                continue
            named = [each.name for each in node.names] if isinstance(node, ast.Import) else [_origin(file, node)]
            for module in named:
                if what := self._why_not_imported(module):
                    yield f"{at}: {what}"

    def _why_not_imported(self, module: str) -> str | None:
        top = module.partition(".")[0]
        if top in OTHER_LOOPS:
            return (
                f"{top} cannot be used in a scenario, which runs on loadlab's own event loop: use user.sleep(), "
                "user.group() for concurrent requests, or user.thread() for a blocking call"
            )
        if os.path.isfile(os.path.join(self.folder, top, "__init__.py")) and top not in sys.stdlib_module_names:
            if all(self.find(part) for part in _with_packages(module)):
                return None
            return f"there is no module {module} in {self.shown(top)}"
        if self.find(top) or self._extends_path or _is_installed(top):
            return None
        if os.path.isdir(os.path.join(self.folder, top)):
            return f"{self.shown(top)} is not a package; put an empty __init__.py into it"
        beside = [each.removesuffix(".py") for each in os.listdir(self.folder) if each.endswith(".py")]
        return f"there is no module {top}, neither beside this file nor installed{did_you_mean(top, beside)}"


def _parse(text: str, shown: str) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
            compile(tree, shown, "exec", dont_inherit=True)  # finds more, such as a return outside of a function
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise ValueError(f"{shown}{line}: not valid Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{shown}: not valid Python: {error or 'nested too deeply'}") from None
    return tree


def _imported_modules(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield the names of all modules that a file may import, wherever in it, and of some that are none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(file, node)
            yield origin
            yield from (f"{origin}.{each.name}" if origin else each.name for each in node.names)


def _origin(file: str, node: ast.ImportFrom) -> str:
    """Return the whole name of the module behind `from`; empty above the folder of the scenario."""
    if not node.level:
        return node.module or ""
    above = file.split("/")[: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def _with_packages(module: str) -> Iterator[str]:
    """Yield the packages that a module is in, outermost first, and the module."""
    parts = module.split(".")
    yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1) if parts[0])


def _uses_sys_path(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "path" and getattr(node.value, "id", "") == "sys"
        for node in ast.walk(tree)
    )


def _is_installed(top: str) -> bool:
    if top in sys.builtin_module_names or top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
