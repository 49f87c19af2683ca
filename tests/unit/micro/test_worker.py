"""One core and no garbage collection, and everything as before afterwards."""

import gc
import os

import pytest

from loadlab.micro.worker import undisturbed


def test_it_runs_on_one_core_without_collection() -> None:
    cores = os.sched_getaffinity(0)
    with undisturbed():
        assert os.sched_getaffinity(0) == {max(cores)}
        assert not gc.isenabled()
    assert os.sched_getaffinity(0) == cores
    assert gc.isenabled()


def test_an_error_takes_it_back_too() -> None:
    cores = os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), undisturbed():
        1 / 0  # noqa: B018 - the error is what is wanted
    assert os.sched_getaffinity(0) == cores
    assert gc.isenabled()


def test_collection_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
