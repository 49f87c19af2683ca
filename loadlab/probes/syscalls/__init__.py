"""Which system calls some processes make, how many, for how long, and what the waits among them return.

Three programs can trace them, each in a module of its own, all with the same result
(`results.probe_data.SyscallProfile`); `choice.choose_backend` takes the best that works here. docs/probes.md has the
overhead of each.
"""
