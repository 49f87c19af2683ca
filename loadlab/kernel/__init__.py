"""The coroutine runtime on its own epoll loop.

Four files: `loop` resumes tasks, `tasks` are what it resumes and the scopes that bound them, `timers` says when, and
`sockets` are the waiting calls. Almost everything needs only `run` and the methods of `Loop`.
"""

from loadlab.kernel.loop import Loop, run
from loadlab.kernel.tasks import Cancelled, CancelScope, Task, TaskGroup, suspend

__all__ = ["CancelScope", "Cancelled", "Loop", "Task", "TaskGroup", "run", "suspend"]
