"""Other event loops have no place in a scenario: what needs one is refused, with what to use instead.

The scenario's own files cannot import asyncio and the like. Libraries can: redis, psycopg, SQLAlchemy, PyMongo, gRPC
and unittest.mock import asyncio in passing, and their blocking calls are what `user.thread` is for. A library that does
need a running loop fails when it asks for it, and the error is explained then. httpx works without any, so it imports
none. gevent and eventlet, which replace sockets and locks for the whole process, are refused to everybody.
"""

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Final

from loadlab.scenario.sources import line_of_user, sources_of

_LOOPS: Final = frozenset({"asyncio", "anyio", "trio", "curio", "uvloop"})
_REPLACING: Final = frozenset({"gevent", "eventlet"})
_DO_WITHOUT: Final = frozenset({"httpx", "httpcore"})

_INSTEAD: Final = (
    "a scenario runs on loadlab's own event loop: use user.http for requests, user.group() for concurrent ones, "
    "user.sleep to wait, and user.thread(f, ...) for blocking calls"
)

# What is raised by asyncio and aiohttp, trio, sniffio, and anyio where none of their loops runs.
_NO_LOOP: Final = ("no running event loop", "no current event loop", "must be called from async context")
_NO_LOOP_NAMES: Final = frozenset({"AsyncLibraryNotFoundError", "NoEventLoopError"})


class ForeignAwait(RuntimeError):
    """Raised where a scenario awaits something of another event loop, which nothing would ever wake."""

    def __init__(self, awaited: object) -> None:
        """Take what the coroutine has yielded."""
        kind = type(awaited)
        module = kind.__module__.partition(".")[0].lstrip("_")
        origin = "" if module == "builtins" else f" of {module}"
        super().__init__(f"it awaits {kind.__qualname__}{origin}, but {_INSTEAD}")


def forbid_other_loops() -> None:
    """Have imports of other event loops raise ImportError, in this process from now on, where they have no place.

    To be called before httpx is imported.
    """
    if not any(isinstance(finder, _Refusing) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Refusing())


def permit_other_loops() -> None:
    """Undo `forbid_other_loops`."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Refusing)]


def explain_other_loop(error: BaseException) -> str:
    """Return what to use instead, if an error says that some other event loop is not running; otherwise nothing."""
    if type(error).__name__ in _NO_LOOP_NAMES or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_LOOP)
    ):
        return f"({_INSTEAD})"
    return ""


class _Refusing(MetaPathFinder):
    """Finds nothing, and refuses what is not to be found."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None: others may look for it. Raises ImportError."""
        if fullname not in _LOOPS and fullname not in _REPLACING:
            return None
        importing = next(_importing(sys._getframe(1)), None)
        importer = "" if importing is None else str(importing.f_globals.get("__name__", "")).partition(".")[0]
        is_user = importing is not None and sources_of(importing) is not None
        if not is_user and fullname not in _REPLACING and importer not in _DO_WITHOUT:
            return None
        line = line_of_user(importing)
        beginning = [line.where] if line is not None else []
        beginning += [importer] if not is_user and importer else []
        raise ImportError(f"{': '.join(beginning) or 'it'} needs {fullname}, but {_INSTEAD}", name=fullname)


def _importing(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames that import, from the innermost on, without the import system's own."""
    while frame is not None:
        if not str(frame.f_globals.get("__name__", "")).startswith(("importlib", "_frozen_importlib")):
            yield frame
        frame = frame.f_back
