"""A run in the formats of other programs: spreadsheets, CI servers, Prometheus, HdrHistogram's tools.

Each is a pure function from the run's document to text. All show what the page shows: a figure that says nothing about
the target, or a percentile of too few samples, is left out. docs/export.md describes them for readers.
"""

from enum import StrEnum


class Format(StrEnum):
    """The formats that a run can be written in."""

    CSV = "csv"
    JSON = "json"
    JUNIT = "junit"
    OPENMETRICS = "openmetrics"
    HLOG = "hlog"
