"""Signals that ask for an end: noted where they come, acted on where somebody asks."""

import signal
import threading

import pytest

from loadlab.experiment.interruption import Interruption


def test_a_signal_is_noted_and_raised_where_it_is_asked_for() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption([signal.SIGTERM]) as interruption:
        interruption.check()
        signal.raise_signal(signal.SIGTERM)
        interruption.check_insistent()
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_is_insistent() -> None:
    with Interruption([signal.SIGTERM]) as interruption:
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interruption.check_insistent()


def test_in_another_thread_signals_are_left_alone() -> None:
    seen = []

    def enter() -> None:
        with Interruption([signal.SIGTERM]) as interruption:
            interruption.check()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
