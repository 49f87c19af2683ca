"""Coroutines of the user's own on loadlab's loop: watched for code that blocks, and for waits of another loop."""

import time
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from loadlab.scenario.blocking import BLOCKING_NS, BlockingWatch
from loadlab.scenario.other_loops import ForeignAwait

T = TypeVar("T")


async def drive(coroutine: Coroutine[Any, Any, T], watch: BlockingWatch) -> T:
    """Return what `coroutine` returns. Raises whatever it raises, and ForeignAwait if it waits for another loop."""
    return await _resumed(coroutine, watch)


@types.coroutine
def _resumed(coroutine: Coroutine[Any, Any, T], watch: BlockingWatch) -> Generator[None, None, T]:
    clock = time.monotonic_ns
    error: BaseException | None = None
    try:
        while True:
            watch.step_began_ns = clock()
            try:
                if error is None:
                    yielded = coroutine.send(None)
                else:
                    thrown, error = error, None
                    try:
                        yielded = coroutine.throw(thrown)
                    finally:
                        del thrown
            except StopIteration as end:
                value: T = end.value
                return value
            finally:
                ended_ns = clock()
                if ended_ns - watch.step_began_ns >= BLOCKING_NS:
                    watch.step_ended(ended_ns)
                watch.step_began_ns = 0
            if yielded is not None:
                error = ForeignAwait(yielded)
                continue
            try:
                yield
            except BaseException as raised:
                error = raised
    finally:
        del error  # with its traceback it would refer to this frame, as `thrown` would
