"""The processes that generate the load, as the experiment sees them: start them, give them their plan, listen.

`Fleet` is the whole interface; `LocalFleet` implements it with processes on this machine and pipes. Another
implementation may put the same workers on several machines: nothing in a part or a message presumes one host.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Final, Protocol, Self

from loadlab.errors import LoadlabError, ScenarioError, TrialFailed
from loadlab.fleet.messages import (
    CountAlive,
    IdlePart,
    Leave,
    LineBuffer,
    LoadPart,
    MalformedMessage,
    Message,
    Plan,
    ScenarioFailed,
    decode_message,
    encode_message,
)
from loadlab.fleet.scenario_log import MOST_PRINTED_BYTES, PrintedLog
from loadlab.processes import Child, module_command, spawn

_REAP_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 2.0
_READ_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """One message and the process it came from, such as "load worker 1"."""

    sender: str
    message: Message


class Fleet(Protocol):
    """Processes that generate load.

    `next_events` raises TrialFailed when one of them ended without being asked to, and ScenarioError when one says that
    its scenario cannot be run.
    """

    def start_holders(self, parts: Sequence[IdlePart]) -> None:
        """Start one idle holder for each part; each answers with Opened."""

    def start_workers(self, parts: Sequence[LoadPart]) -> None:
        """Start one load worker for each part; each answers with Ready."""

    def prepare(self, part: LoadPart) -> None:
        """Start a process for the setup or teardown of a scenario; it answers with Prepared."""

    def end_preparing(self) -> None:
        """End that process."""

    def end_workers(self) -> None:
        """End the load workers."""

    def measure(self, plan: Plan) -> None:
        """Give all load workers their windows; for each, they answer with Recorded, Finished and Drained."""

    def leave(self) -> None:
        """Have the users of a scenario take their leave; all load workers answer with Left."""

    def keep_problems(self, what: str, problems: Sequence[str]) -> None:
        """Keep what went wrong in a scenario, and changes no figure, with what it prints."""

    def count_alive(self) -> None:
        """Ask the idle holders; each answers with Alive."""

    def next_events(self, timeout_seconds: float) -> list[Event]:
        """Return what arrived, waiting for at most `timeout_seconds`."""

    def worker_pids(self) -> list[int]:
        """Return the load workers' process ids on this machine."""

    def holder_pids(self) -> list[int]:
        """Return the idle holders' process ids on this machine."""

    def worker_names(self) -> list[str]:
        """Return the names of all load workers, as their messages have them for senders."""

    def holder_names(self) -> list[str]:
        """Return the names of all idle holders."""

    def stop(self) -> None:
        """End all processes."""


@dataclass(slots=True)
class _Member:
    child: Child
    stdin: IO[bytes]
    lines: LineBuffer = field(default_factory=LineBuffer)


class LocalFleet:
    """A `Fleet` of processes on this machine, on the cores `cpus` (None: anywhere). A context manager that stops it.

    What a scenario prints is kept in `scenario_log`, if that is given, once its process has ended. `place`, such as
    " on node3", follows the names of all processes.
    """

    def __init__(self, cpus: Collection[int] | None, scenario_log: PrintedLog | None = None, place: str = "") -> None:
        self._cpus = cpus
        self._log = scenario_log
        self._place = place
        self._selector = selectors.EpollSelector()
        self._workers: list[_Member] = []
        self._holders: list[_Member] = []
        self._preparers: list[_Member] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def descriptor(self) -> int:
        """A descriptor that is readable when there is something for `next_events` to return."""
        return self._selector.fileno()

    def start_holders(self, parts: Sequence[IdlePart], first: int = 1) -> None:
        """Start one idle holder for each part; each answers with Opened. They are numbered from `first`."""
        self._start(
            self._holders, [("holder", f"idle holder {first + index}", part) for index, part in enumerate(parts)]
        )

    def start_workers(self, parts: Sequence[LoadPart], first: int = 1) -> None:
        """Start one load worker for each part; each answers with Ready. They are numbered from `first`."""
        module = "worker" if all(part.scenario is None for part in parts) else "scenario_worker"
        self._start(self._workers, [(module, f"load worker {first + index}", part) for index, part in enumerate(parts)])

    def prepare(self, part: LoadPart) -> None:
        """Start a process for the setup or teardown of a scenario; it answers with Prepared."""
        assert part.scenario is not None
        self._start(self._preparers, [("scenario_worker", part.scenario.phase, part)])

    def end_preparing(self) -> None:
        """End that process."""
        members, self._preparers = self._preparers, []
        self._end(members)

    def end_workers(self) -> None:
        """End the load workers."""
        members, self._workers = self._workers, []
        self._end(members)

    def measure(self, plan: Plan) -> None:
        """Give all load workers their windows; for each, they answer with Recorded, Finished and Drained."""
        for member in self._workers:
            self._send(member, plan)

    def leave(self) -> None:
        """Have the users of a scenario take their leave; all load workers answer with Left."""
        for member in self._workers:
            self._send(member, Leave())

    def keep_problems(self, what: str, problems: Sequence[str]) -> None:
        """Keep what went wrong in a scenario, and changes no figure, with what it prints."""
        if self._log is not None:
            self._log.add(what, "\n".join(problems).encode())

    def count_alive(self) -> None:
        """Ask the idle holders; each answers with Alive."""
        for member in self._holders:
            self._send(member, CountAlive())

    def next_events(self, timeout_seconds: float) -> list[Event]:
        """Return what arrived, waiting for at most `timeout_seconds`.

        Raises TrialFailed when a process ended, once everything that it had sent has been returned, and ScenarioError
        when it says that its scenario cannot be run.
        """
        events: list[Event] = []
        if self._log is not None:
            for printing in (*self._workers, *self._preparers):
                printing.child.shorten_stderr(MOST_PRINTED_BYTES)
        for key, _ready in self._selector.select(timeout_seconds):
            member: _Member = key.data
            data = os.read(key.fd, _READ_BYTES)
            if data:
                events += [Event(member.child.name, _decoded(member, line)) for line in member.lines.feed(data)]
            elif not events:
                raise TrialFailed(_account_of_end(member.child))
        for event in events:
            if isinstance(event.message, ScenarioFailed):
                raise ScenarioError(event.message.text)
        return events

    def worker_pids(self) -> list[int]:
        """Return the load workers' process ids on this machine."""
        return [member.child.pid for member in self._workers]

    def holder_pids(self) -> list[int]:
        """Return the idle holders' process ids on this machine."""
        return [member.child.pid for member in self._holders]

    def worker_names(self) -> list[str]:
        """Return the names of all load workers, as their messages have them for senders."""
        return [member.child.name for member in self._workers]

    def holder_names(self) -> list[str]:
        """Return the names of all idle holders."""
        return [member.child.name for member in self._holders]

    def stop(self) -> None:
        """End all processes, all at once: the end of their standard input asks them to."""
        members = [*self._preparers, *self._workers, *self._holders]
        self._preparers, self._workers, self._holders = [], [], []
        self._end(members)
        self._selector.close()

    def _end(self, members: Sequence[_Member]) -> None:
        for member in members:
            assert member.child.stdout is not None
            self._selector.unregister(member.child.stdout)
            member.stdin.close()
        deadline = time.monotonic() + _STOP_SECONDS  # of all: some may be stopped, or stuck in a scenario
        for member in members:
            member.child.stop(max(0.1, deadline - time.monotonic()))
        for member in members:
            if self._log is not None:
                self._log.add(member.child.name, member.child.read_stderr())
            member.child.close()

    def _start(self, members: list[_Member], programs: Sequence[tuple[str, str, LoadPart | IdlePart]]) -> None:
        """Start modules of this package, each with its name and part, and append them to `members`."""
        started = [self._spawn(members, module, name) for module, name, _ in programs]
        # Not each at once: a large part fills the pipe until its process reads it, and all take their time to begin.
        for member, (_, _, part) in zip(started, programs, strict=True):
            self._send(member, part)

    def _spawn(self, members: list[_Member], module: str, name: str) -> _Member:
        command = module_command(f"loadlab.fleet.{module}")
        child = spawn(name + self._place, command, cpus=self._cpus, stdin=True, stdout=subprocess.PIPE)
        assert child.stdin is not None
        assert child.stdout is not None
        member = _Member(child, child.stdin)
        members.append(member)  # before anything that may fail: it is one to stop then
        self._selector.register(child.stdout, selectors.EVENT_READ, member)
        return member

    def _send(self, member: _Member, message: Message) -> None:
        try:
            member.stdin.write(encode_message(message))
        except BrokenPipeError:
            raise _why_it_ended(member) from None


def _why_it_ended(member: _Member) -> LoadlabError:
    """Return an error that says why a process has ended; it may have said so itself, and not been heard yet."""
    account = _account_of_end(member.child)
    assert member.child.stdout is not None
    while data := os.read(member.child.stdout.fileno(), _READ_BYTES):
        for line in member.lines.feed(data):
            if isinstance(message := _decoded(member, line), ScenarioFailed):
                return ScenarioError(message.text)
    return TrialFailed(account)


def _decoded(member: _Member, line: bytes) -> Message:
    try:
        return decode_message(line)
    except MalformedMessage as error:
        raise TrialFailed(f"{member.child.name} sent {error}") from None


def _account_of_end(child: Child) -> str:
    child.wait(_REAP_SECONDS)  # its pipe may end a moment before it does
    return child.account()
