"""A probe on each side of a trial: the target, and the load workers, so that a reader sees what the client did too."""

from collections.abc import Callable, Collection
from types import TracebackType
from typing import Final, Generic, Literal, Self, TypeVar

from loadlab.probes.probe import Probe, ProbeFailed

Result = TypeVar("Result")
Done = TypeVar("Done")
Side = Literal["target", "client"]
_SIDES: Final[tuple[Side, ...]] = ("target", "client")


class BothSides(Generic[Result]):
    """Two probes of one kind; a context manager that stops them.

    One that fails is stopped and watches no more. It costs its own result and nothing else: `problems` says why.
    """

    def __init__(self, open_probe: Callable[[], Probe[Result]]) -> None:
        self._probes: dict[Side, Probe[Result]] = {side: open_probe() for side in _SIDES}
        self.problems: dict[Side, str] = {}
        self._seen: dict[Side, Result] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for probe in self._probes.values():
            probe.stop()

    def prepare(self, target_pids: Collection[int], client_pids: Collection[int]) -> None:
        """Attach to the processes of both sides."""
        self._try("target", lambda probe: probe.prepare(target_pids))
        self._try("client", lambda probe: probe.prepare(client_pids))

    def begin(self) -> None:
        """Switch on."""
        for side in _SIDES:
            self._try(side, lambda probe: probe.begin())

    def end(self) -> None:
        """Switch off, and take what was seen, while the watched processes live: many tools end with them."""
        for side in _SIDES:
            self._try(side, lambda probe: probe.end())
        seen = {side: self._try(side, lambda probe: probe.collect()) for side in _SIDES}
        self._seen = {side: result for side, result in seen.items() if result is not None}

    def collect(self) -> dict[Side, Result]:
        """Return what was seen, by side; a side whose probe failed is left out."""
        return self._seen

    def _try(self, side: Side, act: Callable[[Probe[Result]], Done]) -> Done | None:
        probe = self._probes.get(side)
        if probe is None:
            return None
        try:
            return act(probe)
        except ProbeFailed as failure:
            self.problems[side] = str(failure)
            probe.stop()
            del self._probes[side]
            return None
