"""Whether a measurement can be believed, and why not, with the evidence in the units of the result.

Each rule is a function that checks for one way in which a measurement goes wrong. Rules stand in modules by subject,
their thresholds beside them; docs/verdict.md explains both to readers. SUSPECT means: read the figures with the finding
in mind. INVALID means: these figures say nothing about the target. A note changes nothing.
"""

from loadlab.analysis.summary import SAMPLES_BEYOND, trusted_ns, trustworthy_percentiles
from loadlab.analysis.verdict.client import RATE_MET, throughput_is_lower_bound
from loadlab.analysis.verdict.evidence import CoreOwner, CorePool, DescriptorUse, ListenQueueUse, WindowEvidence
from loadlab.analysis.verdict.judging import judge_failure, judge_machine, judge_run, judge_speed_again, judge_trial
from loadlab.analysis.verdict.machine_speed import at_final_speed, spoiled_by_machine

__all__ = [
    "RATE_MET",
    "SAMPLES_BEYOND",
    "CoreOwner",
    "CorePool",
    "DescriptorUse",
    "ListenQueueUse",
    "WindowEvidence",
    "at_final_speed",
    "judge_failure",
    "judge_machine",
    "judge_run",
    "judge_speed_again",
    "judge_trial",
    "spoiled_by_machine",
    "throughput_is_lower_bound",
    "trusted_ns",
    "trustworthy_percentiles",
]
