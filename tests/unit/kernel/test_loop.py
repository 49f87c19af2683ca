"""The loop: results and errors, events that come early, late or for another, and nobody starves."""

import os
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from loadlab.kernel import Loop, run, suspend
from loadlab.kernel.sockets import discard, wait_received

pytestmark = pytest.mark.timeout(20)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def make_pair() -> Iterator[Callable[[], Pair]]:
    """Make connected, non-blocking socket pairs that are closed behind the test."""
    with ExitStack() as stack:

        def make() -> Pair:
            near, far = socket.socketpair()
            for sock in (near, far):
                stack.enter_context(sock)
                sock.setblocking(False)
            return near, far

        yield make


async def settle(loop: Loop, sock: socket.socket) -> None:
    """Register a socket and take the event that only says that it can be written to."""
    loop.register(sock.fileno())
    await loop.wait_event(sock.fileno())


def send_in_a_turn(loop: Loop, sock: socket.socket, data: bytes) -> None:
    """Send once the task that calls this has suspended."""

    def send() -> None:
        sock.send(data)

    loop.timers.add(0, send)


def test_run_returns_what_main_returns() -> None:
    async def main(loop: Loop) -> int:
        await loop.yield_now()
        return 42

    assert run(main) == 42


def test_run_raises_what_main_raises_with_its_traceback() -> None:
    async def break_here(loop: Loop) -> None:
        await loop.yield_now()
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        run(break_here)
    assert "break_here" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


@pytest.mark.parametrize("fails", [False, True])
def test_run_leaves_no_descriptor_behind(fails: bool) -> None:
    async def main(loop: Loop) -> None:
        if fails:
            raise ValueError

    before = os.listdir("/proc/self/fd")
    try:
        run(main)
    except ValueError:
        assert fails
    assert os.listdir("/proc/self/fd") == before


def test_an_event_resumes_who_waits_for_it(make_pair: Callable[[], Pair]) -> None:
    near, far = make_pair()

    async def main(loop: Loop) -> bytes:
        await settle(loop, near)
        send_in_a_turn(loop, far, b"hello")
        await loop.wait_event(near.fileno())
        return near.recv(100)

    assert run(main) == b"hello"


def test_an_event_that_nobody_waits_for_is_kept_until_somebody_does(make_pair: Callable[[], Pair]) -> None:
    near, far = make_pair()

    async def main(loop: Loop) -> bytes:
        await settle(loop, near)
        far.send(b"early")
        for _ in range(3):
            await loop.yield_now()
        await loop.wait_event(near.fileno())
        return near.recv(100)

    assert run(main) == b"early"


def test_a_kept_event_serves_one_wait(make_pair: Callable[[], Pair]) -> None:
    near, far = make_pair()

    async def main(loop: Loop) -> bytes:
        await settle(loop, near)
        far.send(b"first")
        for _ in range(3):
            await loop.yield_now()
        await loop.wait_event(near.fileno())
        assert near.recv(100) == b"first"
        send_in_a_turn(loop, far, b"second")
        await loop.wait_event(near.fileno())
        return near.recv(100)

    assert run(main) == b"second"


def test_an_end_that_comes_with_data_is_kept_for_the_next_wait(make_pair: Callable[[], Pair]) -> None:
    """The kernel reports both in one edge, and never again."""
    near, far = make_pair()

    async def main(loop: Loop) -> list[bytes]:
        await settle(loop, near)

        def send_and_end() -> None:
            far.send(b"last")
            far.shutdown(socket.SHUT_WR)

        loop.timers.add(0, send_and_end)
        received = []
        for _ in range(2):
            await loop.wait_event(near.fileno())
            received.append(near.recv(100))
        return received

    assert run(main) == [b"last", b""]


def test_the_event_of_a_closed_descriptor_only_wakes_who_got_its_number(make_pair: Callable[[], Pair]) -> None:
    """Two events in one batch; the task that gets the first closes the second's socket and opens another there."""
    first, first_peer = make_pair()
    second, second_peer = make_pair()
    new, new_peer = make_pair()

    async def main(loop: Loop) -> bytes:
        await settle(loop, first)
        await settle(loop, second)
        first_peer.send(b"wake")
        second_peer.send(b"stale")
        await loop.wait_event(first.fileno())
        number = second.fileno()
        discard(loop, second)
        with socket.socket(fileno=os.dup2(new.fileno(), number)) as reused:
            reused.setblocking(False)
            loop.register(number)
            async with loop.task_group() as group:
                group.start(send_later(loop), "send later")
                received = await wait_received(loop, reused, 100)
            discard(loop, reused)
        return received

    async def send_later(loop: Loop) -> None:
        for _ in range(5):
            await loop.yield_now()
        new_peer.send(b"fresh")

    assert run(main) == b"fresh"


def test_an_event_for_a_descriptor_that_was_unregistered_meanwhile_is_nobodys(make_pair: Callable[[], Pair]) -> None:
    first, first_peer = make_pair()
    second, second_peer = make_pair()
    new, new_peer = make_pair()

    async def main(loop: Loop) -> bytes:
        await settle(loop, first)
        await settle(loop, second)
        first_peer.send(b"wake")
        second_peer.send(b"too late")
        number = second.fileno()
        await loop.wait_event(first.fileno())
        discard(loop, second)
        await loop.yield_now()  # now the batch is worked off
        with socket.socket(fileno=os.dup2(new.fileno(), number)) as reused:
            await settle(loop, reused)
            send_in_a_turn(loop, new_peer, b"fresh")
            await loop.wait_event(number)
            received = reused.recv(100)
            discard(loop, reused)
        return received

    assert run(main) == b"fresh"


def test_a_batch_smaller_than_what_is_ready_starves_nobody(
    make_pair: Callable[[], Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadlab.kernel.loop.MAX_EVENTS", 4)
    pairs = [make_pair() for _ in range(30)]
    received: list[bytes] = []

    async def receive(loop: Loop, sock: socket.socket) -> None:
        await settle(loop, sock)
        received.append(await wait_received(loop, sock, 100))

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            for number, (near, far) in enumerate(pairs):
                far.send(b"%d" % number)
                group.start(receive(loop, near), "receive")

    run(main)
    assert sorted(map(int, received)) == list(range(30))


def test_a_task_that_is_always_ready_does_not_starve_the_sockets(make_pair: Callable[[], Pair]) -> None:
    near, far = make_pair()

    async def main(loop: Loop) -> bytes:
        async def spin() -> None:
            while True:
                await loop.yield_now()

        async with loop.task_group() as group:
            group.start(spin(), "spin")
            await settle(loop, near)
            far.send(b"heard")
            received = await wait_received(loop, near, 100)
            group.cancel()
        return received

    assert run(main) == b"heard"


def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    woken: list[int] = []

    async def sleep(loop: Loop, deadline_ns: int) -> None:
        await loop.sleep_until(deadline_ns)
        woken.append(deadline_ns)

    async def main(loop: Loop) -> None:
        async with loop.task_group() as group:
            for deadline_ns in (3, 1, 2):  # long past, so all are due at once
                group.start(sleep(loop, deadline_ns), "sleep")

    run(main)
    assert woken == [1, 2, 3]


def test_a_deadline_for_which_the_alarm_has_gone_off_already_is_not_slept_through() -> None:
    async def main(loop: Loop) -> None:
        for _ in range(3):
            deadline_ns = loop.batch_ns + 1_000_000
            await loop.sleep_until(deadline_ns)
            await loop.sleep_until(deadline_ns)
            await loop.sleep_until(0)
            await loop.sleep_until(deadline_ns)

    run(main)


def test_a_spurious_wake_up_does_not_end_a_sleep() -> None:
    async def main(loop: Loop) -> bool:
        sleeper = loop.current
        rung = False

        def ring() -> None:
            nonlocal rung
            rung = True

        deadline_ns = loop.batch_ns + 3_000_000
        loop.timers.add(deadline_ns, ring)
        loop.resume_soon(sleeper)
        await loop.sleep_until(deadline_ns)
        return rung

    assert run(main)


def test_a_cancelled_sleep_leaves_no_timer() -> None:
    async def main(loop: Loop) -> int | None:
        with loop.time_scope(0):
            await loop.sleep(3_600_000_000_000)
        return loop.timers.next_deadline_ns()

    assert run(main) is None


def test_a_task_that_has_ended_is_not_resumed_again() -> None:
    async def main(loop: Loop) -> str:
        async def end_at_once() -> None:
            pass

        async with loop.task_group() as group:
            task = group.start(end_at_once(), "end at once")
            loop.resume_soon(task)
            loop.throw_soon(task, lambda: ValueError("in a task that has ended"))
            for _ in range(3):
                await loop.yield_now()
        assert task.done
        return "after"

    assert run(main) == "after"


def test_a_thrower_that_returns_nothing_does_not_resume_the_task() -> None:
    resumed: list[str] = []

    async def main(loop: Loop) -> None:
        async def wait() -> None:
            await suspend()
            resumed.append("by mistake")

        async with loop.task_group() as group:
            task = group.start(wait(), "wait")
            loop.throw_soon(task, lambda: None)
            for _ in range(3):
                await loop.yield_now()
            group.cancel()

    run(main)
    assert resumed == []
