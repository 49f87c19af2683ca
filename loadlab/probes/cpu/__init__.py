"""Where some processes spend their CPU time, as stacks sampled many times a second.

Two programs can sample them, each in a module of its own: py-spy knows Python's functions, perf the kernel's and those
of native code. `probe.CpuSampler` runs all that works here; docs/flame-graphs.md says how to read what they find.
"""
