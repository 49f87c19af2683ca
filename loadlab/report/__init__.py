"""The page of a run: from a run directory to one HTML file. Data first (`data`), then figures, then the page."""

from loadlab.report.page import render

__all__ = ["render"]
