"""A run in the formats of other programs: spreadsheets, CI servers, Prometheus, HdrHistogram's tools.

Each is a pure function from the run's document to text. All show what the page shows: a figure that says nothing about
the target, or a percentile of too few samples, is left out. docs/export.md describes them for readers.
"""
