"""Microbenchmarks without a network: what a wait for one of n descriptors costs, and what a switch between units costs.

`messages` is what goes in and comes out, `worker` the process that measures. The process that starts the worker imports
only `messages`, which imports neither the kernel nor anything that measures.
"""
