"""Handlers for a server that must never block: what they wait for, reduced to what an event loop can wait for.

`blocking.run` has the same shape. There each wait ends before the function returns; here each is yielded to the loop.
"""

from disk_threads import DiskThreads
from handlers import Steps
from upstream_client import UpstreamClient
from waits import ENVIRONMENT, Call, Failure, Fetch, LoopSteps, Query, Sleep, Wait, Watching


class NonBlocking:
    """Runs the handlers of one process with one event loop.

    The loop has to watch `threads_fd`, and to call `wake_waiters` whenever it is readable.
    """

    def __init__(self, watching: Watching, disk_threads: int) -> None:
        self._threads = DiskThreads(disk_threads)
        if ENVIRONMENT.upstream is not None:
            self._upstream = UpstreamClient(ENVIRONMENT.upstream, watching)
        if ENVIRONMENT.database is not None:
            from postgresql import DatabaseClient  # needs psycopg, which only a server with such a database has

            self._database = DatabaseClient(watching, self._threads)
        self.threads_fd = self._threads.fd
        self.wake_waiters = self._threads.wake_waiters

    def run(self, steps: Steps) -> LoopSteps[bytes]:
        """Run a handler to its end, yielding what the loop has to wait for; return what it returns."""
        try:
            wait = next(steps)
            while True:
                try:
                    result = yield from self._wait_for(wait)
                except Failure as failure:
                    wait = steps.throw(failure)
                else:
                    wait = steps.send(result)
        except StopIteration as end:
            response: bytes = end.value
            return response

    def _wait_for(self, wait: Wait) -> LoopSteps[object]:
        match wait:
            case Sleep():
                yield wait
                return None
            case Call(function):
                return (yield from self._threads.call(function))
            case Fetch(path):
                if ENVIRONMENT.upstream is None:
                    raise Failure("there is no upstream server: name one with --upstream HOST:PORT")
                return (yield from self._upstream.fetch(path))
            case Query():
                return (yield from self._database.ask(wait))
