"""A probe on each side of a trial: the target, and the load workers, so that a reader sees what the client did too."""

from collections.abc import Callable, Collection
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

from loadlab.probes.probe import OpenProbe, Probe, ProbeFailed

Result = TypeVar("Result")
Done = TypeVar("Done")
Side = Literal["target", "client"]


class BothSides(Generic[Result]):
    """Two probes of one kind; a context manager that stops them.

    Each is opened with `check`. One that fails is stopped and watches no more. It costs its own result and nothing
    else: `problems` says why.
    """

    def __init__(self, open_probe: OpenProbe[Result], check: Callable[[], None] = lambda: None) -> None:
        self._open_probe = open_probe
        self._check = check
        self._probes: dict[Side, Probe[Result]] = {}
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
        self._try("target", lambda: self._open("target").prepare(target_pids))
        self._try("client", lambda: self._open("client").prepare(client_pids))

    def begin(self) -> None:
        """Switch on."""
        for side, probe in [*self._probes.items()]:
            self._try(side, probe.begin)

    def end(self) -> None:
        """Switch off, and take what was seen, while the watched processes live: many tools end with them."""
        for side, probe in [*self._probes.items()]:
            self._try(side, probe.end)
        seen = {side: self._try(side, probe.collect) for side, probe in [*self._probes.items()]}
        self._seen = {side: result for side, result in seen.items() if result is not None}

    def collect(self) -> dict[Side, Result]:
        """Return what was seen, by side; a side whose probe failed is left out."""
        return self._seen

    def _open(self, side: Side) -> Probe[Result]:
        probe = self._probes[side] = self._open_probe(self._check)
        return probe

    def _try(self, side: Side, act: Callable[[], Done]) -> Done | None:
        try:
            return act()
        # Probes keep files and fifos of their own, and a full disc or a limit of open files is nothing they can help.
        except (ProbeFailed, OSError) as failure:
            self.problems[side] = str(failure)
            if probe := self._probes.pop(side, None):
                probe.stop()
            return None
