"""Raw counts turned into the figures of a trial: percentiles of a histogram, usage per request."""

from loadlab.recording.histogram import Histogram
from loadlab.results.model import LatencySummary, ProcessUsage


def summarise_latency(histogram: Histogram) -> LatencySummary:
    """Return the percentiles of a histogram, in nanoseconds; all None if it holds no value."""
    if not histogram.count:
        return LatencySummary()
    at = histogram.values_at([50, 90, 99, 99.9])
    return LatencySummary(
        p50=at[50],
        p90=at[90],
        p99=at[99],
        p99_9=at[99.9],
        max=histogram.max_ns,
        mean=histogram.mean_ns,
        count=histogram.count,
    )


def per_request(usage: ProcessUsage, requests: int) -> ProcessUsage:
    """Return `usage` with its figures per request filled in; they stay None if there was no request.

    User and system time apart stay None also where there was too little CPU time to tell them apart.
    """
    if not requests:
        return usage
    return usage.model_copy(
        update={
            "cpu_ns_per_request": usage.cpu_ns / requests,
            "cpu_user_ns_per_request": usage.cpu_user_ns / requests if usage.is_divisible else None,
            "cpu_system_ns_per_request": usage.cpu_system_ns / requests if usage.is_divisible else None,
            "context_switches_per_request": usage.context_switches / requests,
            "run_queue_wait_ns_per_request": usage.run_queue_wait_ns / requests,
        }
    )
