"""`loadlab hit URL`: one URL measured from the command line, without a profile.

`profile` makes one of the options all the same, so that it is measured by the code of `loadlab run`; `summary` is what
is printed at the end.
"""
