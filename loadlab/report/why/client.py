"""What the client did meanwhile, in brief: enough to see that it was not what held the target back."""

from collections.abc import Iterator
from typing import Final

from loadlab.report.why.ends import End
from loadlab.report.why.requests import client_calls
from loadlab.report.why.table import format_calls
from loadlab.results.model import ProcessUsage
from loadlab.units import format_share

_MOST_NAMED: Final = 4


def describe_client(end: End) -> Iterator[str]:
    """Yield how busy target and client were at one end of a line, the client's calls per request, and its functions."""
    where = f"At {end.where}" if end.where else "Over the window"
    target, client = end.trial.target, end.trial.client
    if target and client:
        yield f"{where} the target kept {_cores(target)} busy, the client {_cores(client)}."
    syscalls, cpu = end.trial.probes.syscalls, end.trial.probes.cpu
    if syscalls and (calls := [*client_calls(syscalls).values()][:_MOST_NAMED]):
        yield f"Its calls per request: {', '.join(f'{call.name} {format_calls(call.calls)}' for call in calls)}."
    profiles = cpu.client.profiles if cpu and cpu.client else []
    if busiest := next((profile.top[:_MOST_NAMED] for profile in profiles if profile.top), None):
        shares = ", ".join(f"{function.name} {format_share(round(function.self_share, 2))}" for function in busiest)
        yield f"Its busiest functions ({profiles[0].backend}): {shares}."


def _cores(usage: ProcessUsage) -> str:
    return f"{usage.busy:.2f} cores"
