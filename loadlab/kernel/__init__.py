"""The coroutine runtime on its own epoll loop.

Five modules: `loop` resumes tasks; `tasks` defines them and the scopes that bound them; `timers` has their deadlines
and the timerfd that wakes the loop; `sockets` has the calls that wait; `tls` encrypts. Most code needs only `run` and
the methods of `Loop`.
"""

from loadlab.kernel.loop import Loop, run
from loadlab.kernel.tasks import Cancelled, CancelScope, Task, TaskGroup, suspend

__all__ = ["CancelScope", "Cancelled", "Loop", "Task", "TaskGroup", "run", "suspend"]
