"""`loadlab ab A B`: two servers measured in the same seconds, until the difference between them is known well enough.

`variants` makes the two profiles of the command line, `plan` says when to stop and what must not be found; `summary` is
what is printed at the end.
"""
