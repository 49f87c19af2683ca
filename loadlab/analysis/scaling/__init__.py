"""The laws that the curves of a run follow, and how certain they are. docs/laws.md has the method and its sources."""

from loadlab.analysis.scaling.laws import fit_laws

__all__ = ["fit_laws"]
