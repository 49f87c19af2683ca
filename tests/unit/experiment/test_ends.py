"""Both ends of a rig, listened to together."""

from collections import deque
from typing import cast

import pytest

from loadlab.errors import TargetDied
from loadlab.experiment.ends import Ends, Server
from loadlab.fleet.coordinator import Event, Fleet
from loadlab.fleet.messages import Finished, Message, Plan


class Script:
    """A target that ends once the fleet has sent its last message, and that fleet."""

    def __init__(self, *messages: Message) -> None:
        self.batches = deque([[Event("load worker 1", message)] for message in messages])

    def poll_exit(self) -> str | None:
        return None if self.batches else "the target was killed by SIGKILL"

    def next_events(self, timeout_seconds: float) -> list[Event]:
        return self.batches.popleft() if self.batches else []

    def worker_pids(self) -> list[int]:
        return [1]

    def measure(self, plan: Plan) -> None:
        pass


def ends_of(script: Script) -> Ends:
    return Ends(cast(Server, script), None, cast(Fleet, script), lambda: None)


def test_what_was_read_when_the_target_died_is_not_lost() -> None:
    listening = ends_of(Script(Finished([1], [0], []))).listen_while(lambda: True)
    assert next(listening).message == Finished([1], [0], [])
    with pytest.raises(TargetDied):
        next(listening)
