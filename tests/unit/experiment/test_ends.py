"""Both ends of a rig, listened to together."""

from collections import deque
from types import SimpleNamespace
from typing import cast

import pytest

from loadlab.errors import TargetDied, TrialFailed
from loadlab.experiment import ends
from loadlab.experiment.ends import Ends
from loadlab.experiment.target_side import TargetSide
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.messages import Finished, Message, Plan


class Script:
    """A target that ends once the fleet has sent its last message, and that fleet."""

    def __init__(self, *messages: Message) -> None:
        self.batches = deque([[Event("load worker 1", message)] for message in messages])

    @property
    def target(self) -> "Script":
        return self

    def poll_exit(self) -> str | None:
        return None if self.batches else "the target was killed by SIGKILL"

    def next_events(self, timeout_seconds: float) -> list[Event]:
        return self.batches.popleft() if self.batches else []

    def worker_pids(self) -> list[int]:
        return [1]

    def measure(self, plan: Plan) -> None:
        pass


def ends_of(script: Script) -> Ends:
    return Ends(cast(TargetSide, script), cast(Fleet, script), lambda: None)


def test_what_was_read_when_the_target_died_is_not_lost() -> None:
    listening = ends_of(Script(Finished([1], [0], []))).listen_while(lambda: True)
    assert next(listening).message == Finished([1], [0], [])
    with pytest.raises(TargetDied):
        next(listening)


def test_what_was_read_when_its_machine_was_lost_is_not_lost() -> None:
    script = Script(Finished([1], [0], []))
    alive = script.poll_exit

    def poll_exit() -> str | None:
        if alive() is not None:
            raise TrialFailed("machine db has been lost")
        return None

    side = SimpleNamespace(target=script, poll_exit=poll_exit)
    listening = Ends(cast(TargetSide, side), cast(Fleet, script), lambda: None).listen_while(lambda: True)
    assert next(listening).message == Finished([1], [0], [])
    with pytest.raises(TrialFailed, match="machine db has been lost") as caught:
        next(listening)
    assert not isinstance(caught.value, TargetDied)


class Silence(Script):
    """A target that runs, and a fleet that says nothing."""

    def poll_exit(self) -> str | None:
        return None


@pytest.mark.parametrize(
    ("awaited", "expected"),
    [
        ([], "the load processes said nothing"),
        (["load worker 2 on two"], "load worker 2 on two said nothing"),
        (
            [f"load worker {number}" for number in range(1, 6)],
            "load worker 1, load worker 2, load worker 3 and 2 more s",
        ),
    ],
)
def test_who_is_silent_for_too_long_is_named(
    monkeypatch: pytest.MonkeyPatch, awaited: list[str], expected: str
) -> None:
    monkeypatch.setattr(ends, "_PATIENCE_SECONDS", -1.0)
    listening = ends_of(Silence()).listen_while(lambda: True, awaited=lambda: awaited)
    with pytest.raises(TrialFailed, match=expected):
        next(listening)
