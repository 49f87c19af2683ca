"""A load worker process, `python -m loadlab.fleet.worker`: its share of the load, in the windows of its plan.

It opens its connections, and waits for its plan.
"""

import gc
from collections.abc import Sequence

from loadlab.fleet.channel import Channel, end_with_input_only
from loadlab.fleet.crew import Crew, carry_out
from loadlab.fleet.messages import LoadPart, Plan, Ready, WeightedRequest
from loadlab.kernel import Loop, TaskGroup, run
from loadlab.load.active import ActiveLoad
from loadlab.load.answer_check import AnswerCheck
from loadlab.load.exchange import Exchange
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.slow import SlowSender
from loadlab.load.stamping import Stamping
from loadlab.load.subscriptions import Subscriptions
from loadlab.recording.recorder import Recorder


async def work(loop: Loop) -> None:
    """Serve one LoadPart; end when the coordinator does."""
    channel = Channel(loop)
    part = await channel.receive()
    if not isinstance(part, LoadPart):
        return
    if part.protocol == "websocket":
        end_with_input_only()
    crew = RequestCrew(loop, part)
    await crew.load.open()
    # No cyclic garbage collection in the measured window: what exists is frozen, and the hot path makes no cycles.
    gc.collect()
    gc.freeze()
    gc.disable()
    async with loop.task_group() as group:
        crew.start(group)
        channel.send(Ready())
        while (message := await channel.receive()) is not None:
            if isinstance(message, Plan):
                group.start(carry_out(loop, channel, crew, message), "windows")
        group.cancel()


class RequestCrew(Crew):
    """Users who send the requests of a profile, fast or slow.

    There is a recorder for each kind of request; that of slow senders beside the others comes last.
    """

    def __init__(self, loop: Loop, part: LoadPart) -> None:
        endpoint, slow = part.endpoint, part.slow
        super().__init__(loop, part, 0 if slow.all else sum(users for _, users in endpoint.sources))
        address, tls = endpoint.address, self.tls
        kinds = [
            RequestKind(
                request.contents,
                frozenset(request.statuses),
                request.weight,
                request.method,
                check_of(request),
                request.end,
                request.streams,
            )
            for request in part.requests
        ]
        self._next_turn = take_turns(kinds, self.kinds_seed, self.stamping)
        exchanges = [
            Exchange(
                address,
                source,
                part.timeout_ns,
                kinds,
                self._next_turn,
                part.retry,
                part.per_request,
                tls,
                part.opening,
                part.protocol,
            )
            for source, connections in endpoint.sources
            for _ in range(connections)
        ]
        fast, slowed = ([], exchanges) if slow.all else (exchanges, [])
        # Of a stream the status is counted once, and not for each event.
        self.recorders = [Recorder(0 if part.protocol == "events" else kind.usual_status) for kind in kinds]
        self._kinds = kinds
        if part.protocol == "events":
            self.load = Subscriptions(loop, fast, self.recorders, self.gate)
        else:
            self.load = ActiveLoad(loop, fast, self.recorders, self.gate, self.pacing)
        self._slow = [SlowSender(loop, exchange, slow.pace_ns, self.recorders, self.gate) for exchange in slowed]
        self._apart: list[SlowSender] = []
        if slow.connections:
            recorders = [Recorder(kinds[0].usual_status)]
            beside = Exchange(address, None, part.timeout_ns, kinds[:1], take_turns(kinds[:1], 0, Stamping()), tls=tls)
            self._apart = [
                SlowSender(loop, beside, slow.pace_ns, recorders, self.gate) for _ in range(slow.connections)
            ]
            self.recorders = [*self.recorders, *recorders]

    @property
    def in_flight(self) -> int:
        """How many users are not silent yet: a request is under way, or a stream is open."""
        return self.load.in_flight + len(_kinds_in_flight(self._slow)) + len(_kinds_in_flight(self._apart))

    def start(self, group: TaskGroup) -> None:
        """Start all users; they wait for a window, until the group is cancelled."""
        super().start(group)
        for sender in (*self._slow, *self._apart):
            group.start(sender.run(), "slow sender")

    def kinds_in_flight(self) -> list[int]:
        """Return of which kinds the requests are that are under way."""
        apart = [len(self.recorders) - 1] * len(_kinds_in_flight(self._apart))
        return [*self.load.kinds_in_flight(), *_kinds_in_flight(self._slow), *apart]

    def never_sent(self, dropped: int) -> list[int]:
        """Return of which kinds that is what was due, so many times, and was not sent: drawn now, in their shares."""
        return [self._next_turn()[3] for _ in range(dropped)]

    def count_compared(self) -> int:
        """Return how many answers have been compared with an expected one."""
        return sum(kind.check.compared for kind in self._kinds if kind.check is not None)


def check_of(request: WeightedRequest) -> AnswerCheck | None:
    """Return what compares the answers to a request, None if only their status matters."""
    if request.expected_body is None and not request.expected_headers:
        return None
    return AnswerCheck(request.expected_body, request.expected_headers)


def _kinds_in_flight(senders: Sequence[SlowSender]) -> list[int]:
    return [sender.kind_in_flight for sender in senders if sender.kind_in_flight is not None]


if __name__ == "__main__":
    run(work)
