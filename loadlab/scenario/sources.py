"""A scenario's own modules: imported from the sources that travelled with the run, and which lines are theirs."""

import io
import linecache
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import CodeType, FrameType, ModuleType
from typing import Final, NamedTuple

_PACKAGE: Final = "__init__.py"


class _Module(NamedTuple):
    path: str
    source: str
    is_package: bool


class Sources(MetaPathFinder, ExecutionLoader):
    """Finds and loads the modules among `files`, sources by their paths, as a program `main` would import them.

    A folder without an __init__.py is a package, as it is for Python.
    """

    def __init__(self, files: Mapping[str, str], main: str) -> None:
        self._files = files
        self._folder = posixpath.dirname(main)
        self._main = _Module(main, files[main], False)
        self._modules = dict(self._listed())
        # Modules that others may need are not replaced: the scenario http.py is not what `import http` gives.
        stem = posixpath.basename(main).removesuffix(".py")
        self._main_name = f"scenario {stem}" if _is_taken(stem) else stem
        self._modules[self._main_name] = self._main

    def load_main(self) -> ModuleType:
        """Execute `main` and return it. Imports of its modules work from then on. Raises whatever they raise."""
        forget_sources()
        self._refuse_taken_names()
        sys.meta_path.insert(0, self)
        for path, source in self._files.items():
            # Lines as Python counts them; without a time of change they are never compared with the disk.
            linecache.cache[path] = (len(source), None, io.StringIO(source, newline=None).readlines(), path)
        spec = self.find_spec(self._main_name)
        assert spec is not None
        module = module_from_spec(spec)
        sys.modules[self._main_name] = module
        self.exec_module(module)
        return module

    def shown(self, path: str) -> str:
        """Return the path of a file as it is shown: from the folder of `main`."""
        return posixpath.relpath(path, self._folder or ".")

    def holds(self, code: CodeType) -> bool:
        """Return whether that code is written in one of the files."""
        return code.co_filename in self._files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how the module of that name is loaded; None if it is not among these."""
        module = self._modules.get(fullname)
        if module is None:
            return None
        # A package has no folder: what is not among these is not looked for on the disk.
        spec = ModuleSpec(fullname, self, origin=module.path, is_package=module.is_package)
        spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str:
        """Return the source of a module. Raises ImportError if it is not among these."""
        return self._module(fullname).source

    def get_filename(self, fullname: str) -> str:
        """Return the path of a module. Raises ImportError if it is not among these."""
        return self._module(fullname).path

    def is_package(self, fullname: str) -> bool:
        """Return whether a module is a package. Raises ImportError if it is not among these."""
        return self._module(fullname).is_package

    def _module(self, fullname: str) -> _Module:
        try:
            return self._modules[fullname]
        except KeyError:
            raise ImportError(f"no module named {fullname!r} travelled with the scenario", name=fullname) from None

    def _listed(self) -> Iterator[tuple[str, _Module]]:
        folders: set[str] = set()
        for path, source in self._files.items():
            *parents, name = self.shown(path).split("/")
            if path == self._main.path or ".." in parents or not name.endswith(".py"):
                continue
            folders.update(".".join(parents[:depth]) for depth in range(1, len(parents) + 1))
            is_package = name == _PACKAGE
            dotted = parents if is_package else [*parents, name.removesuffix(".py")]
            yield ".".join(dotted), _Module(path, source, is_package)
        for folder in folders:
            path = posixpath.join(self._folder, *folder.split("."), _PACKAGE)
            if path not in self._files:
                yield folder, _Module(path, "", True)

    def _refuse_taken_names(self) -> None:
        for name, module in self._modules.items():
            if "." not in name and name != self._main_name and _is_taken(name):
                shown = self.shown(module.path)
                raise ImportError(f"{shown} has the name of a module that Python or loadlab uses: rename it", name=name)


def forget_sources() -> None:
    """Forget the scenario that was loaded before in this process, and its modules."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Sources)]
    for name in [name for name, module in sys.modules.items() if _sources_of(_names_in(module)) is not None]:
        del sys.modules[name]


def sources_of(frame: FrameType) -> Sources | None:
    """Return the sources that a frame is of; None if what it executes was not written by the user."""
    sources = _sources_of(frame.f_globals)
    return sources if sources is not None and sources.holds(frame.f_code) else None


class UserLine(NamedTuple):
    """A line of the user's: where it is, such as `shop.py:17`, and what it says."""

    where: str
    code: str


def line_of_user(frame: FrameType | None) -> UserLine | None:
    """Return the innermost line of the user's that is being executed in `frame` or called it; None if there is none."""
    while frame is not None:
        if (sources := sources_of(frame)) is not None:
            path, number = frame.f_code.co_filename, frame.f_lineno or frame.f_code.co_firstlineno  # None in between
            return UserLine(f"{sources.shown(path)}:{number}", linecache.getline(path, number).strip())
        frame = frame.f_back
    return None


def _sources_of(names: Mapping[str, object]) -> Sources | None:
    loader = names.get("__loader__")
    return loader if isinstance(loader, Sources) else None


def _names_in(module: object) -> Mapping[str, object]:
    """Return the names of what stands for a module in sys.modules, where libraries put whatever they like."""
    names: Mapping[str, object] = getattr(module, "__dict__", {})
    return names


def _is_taken(name: str) -> bool:
    """Return whether a module of that name, which is not a scenario's, is or may be loaded."""
    loaded = sys.modules.get(name)
    return name in sys.stdlib_module_names or (loaded is not None and _sources_of(_names_in(loaded)) is None)
