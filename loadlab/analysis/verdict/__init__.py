"""Whether a measurement can be believed, and why not, with the evidence in the units of the result.

Each rule is a function that looks at one way a measurement goes wrong, in the module of its kind; the thresholds stand
beside the rules that use them, and docs/verdict.md explains them to readers. SUSPECT means: read the figures with the
finding in mind. INVALID means: these figures say nothing about the target. A note changes nothing.
"""

from loadlab.analysis.summary import SAMPLES_BEYOND, trusted_ns, trustworthy_percentiles
from loadlab.analysis.verdict.client import RATE_MET, throughput_is_lower_bound
from loadlab.analysis.verdict.evidence import CorePool, DescriptorUse, ListenQueueUse, Side, WindowEvidence
from loadlab.analysis.verdict.judging import judge_failure, judge_run, judge_trial

__all__ = [
    "RATE_MET",
    "SAMPLES_BEYOND",
    "CorePool",
    "DescriptorUse",
    "ListenQueueUse",
    "Side",
    "WindowEvidence",
    "judge_failure",
    "judge_run",
    "judge_trial",
    "throughput_is_lower_bound",
    "trusted_ns",
    "trustworthy_percentiles",
]
