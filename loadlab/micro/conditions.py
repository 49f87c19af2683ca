"""The conditions that a microbenchmark needs, made for the time it runs and taken back."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Stay on one core, with the cyclic garbage collector off.

    On one core passing a turn to another thread or process is a switch; on two it would be waking the other core, which
    costs more and is another thing. Threads and processes started within the block stay on that core too.
    """
    cores = os.sched_getaffinity(0)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    # The last one: the first is where device interrupts are served as a rule.
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        if collecting:
            gc.enable()
