"""Load from several machines: Dask's workers, each of which hosts its machine's share as processes of its own.

Imported with `--cluster` only, as is `distributed`.
"""
