"""The user's wish to end a run: signals are noted, and acted on where a run can end without losing anything."""

import os
import signal
import threading
from collections.abc import Collection
from types import FrameType, TracebackType
from typing import Final, Self

ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a program to end."""


class Interruption:
    """While it is entered, `signals` do nothing but make `check` raise.

    An exception out of a signal handler may strike anywhere: between starting a process and noting it, or in the midst
    of stopping one. So a run asks, many times a second, at points where it can end.

    Only a program's main thread gets signals: entered in another one, it leaves them alone.
    """

    def __init__(self, signals: Collection[signal.Signals] = ENDINGS) -> None:
        self._signals = signals
        self._before: dict[signal.Signals, signal._HANDLER] = {}
        self._requests = 0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self._signals}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not installed from Python cannot be restored from it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if an end was asked for."""
        if self._requests:
            raise KeyboardInterrupt

    def check_insistent(self) -> None:
        """Raise KeyboardInterrupt if an end was asked for more than once: what would be tidy is left out then."""
        if self._requests > 1:
            raise KeyboardInterrupt

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._requests += 1
        if number == signal.SIGHUP:
            # The terminal is gone: every further word to it would be an error.
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
            os.close(nowhere)
