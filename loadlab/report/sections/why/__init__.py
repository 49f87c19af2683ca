"""The chapter that tells why: what the probes found at both ends of x, and which calls a request is made of."""

from loadlab.report.sections.why.calls import calls_of, describe_vain
from loadlab.report.sections.why.chapter import Chapter, SeriesWhy, chapter_of

__all__ = ["Chapter", "SeriesWhy", "calls_of", "chapter_of", "describe_vain"]
