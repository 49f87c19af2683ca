"""Ctrl-C, a polite kill, a closed terminal: noted when they come, and acted on where nothing can be lost."""

import os
import signal
from types import FrameType, TracebackType
from typing import Final, Self

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While it is entered, signals that ask the program to end do nothing but make `check` raise.

    An exception out of a signal handler may strike anywhere: between starting a process and noting it, or in the midst
    of stopping one. So a run asks, many times a second, at points where it can end.
    """

    def __init__(self) -> None:
        self._requested = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _ENDINGS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if the program was asked to end."""
        if self._requested:
            raise KeyboardInterrupt

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._requested = True
        if number == signal.SIGHUP:
            # The terminal is gone: every further word to it would be an error.
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
            os.close(nowhere)
