"""What the kernel and profilers show of target and client while a trial is measured.

`procfs`, `memory`, `open_files`, `tcp` and `clocks` read counters; `syscalls/` and `cpu/` run tracers and profilers,
each of which is a `probe.Probe` with a window of its own. docs/probes.md says what each shows, and what it costs.
"""
