"""The chapter on the measured window from its begin to its end: what each trial used, and what moved."""

from loadlab.report.sections.over_time.chapter import ChosenTrial, OverTime, over_time_of

__all__ = ["ChosenTrial", "OverTime", "over_time_of"]
