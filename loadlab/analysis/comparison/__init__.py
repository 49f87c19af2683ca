"""Two runs that were measured at different times, compared: setting by setting, with the uncertainty of each figure.

`comparability` says whether that makes sense, `runs` finds the settings in common, `figures` compares one figure,
`compared_metrics` lists them.
"""

from loadlab.analysis.comparison.compared_metrics import METRICS, metrics_of
from loadlab.analysis.comparison.figures import DISTURBED, NO_INTERVAL, ComparedFigure
from loadlab.analysis.comparison.runs import ComparedSetting, LeftOut, RunComparison, compare_runs

__all__ = [
    "DISTURBED",
    "METRICS",
    "NO_INTERVAL",
    "ComparedFigure",
    "ComparedSetting",
    "LeftOut",
    "RunComparison",
    "compare_runs",
    "metrics_of",
]
