"""What the client adds to the times that it measures, on this machine: found out against a bundled server.

The kernel stamps each answer when it arrives; what passes from then until the client has parsed it is the client's own
doing, and so is the time by which a request leaves after it was intended. Both are measured at a constant rate that
keeps neither side busy, with every answer stamped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.errors import NotPossible, TrialFailed
from loadlab.experiment.context import RunContext
from loadlab.experiment.trial import TrialRun
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.run import Calibration

_SERVER: Final = "epoll"  # needs nothing but Python, and answers in the same few microseconds each time
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One situation to calibrate in."""

    rate: int
    connections: int
    duration: str


BEFORE_A_RUN: Final = Setting(rate=4_000, connections=16, duration="500ms")
"""Short, and still with twenty answers beyond the 99th percentile."""

THOROUGH: Final = (
    Setting(rate=100, connections=1, duration="10s"),
    Setting(rate=1_000, connections=1, duration="3s"),
    Setting(rate=1_000, connections=64, duration="3s"),
    Setting(rate=10_000, connections=64, duration="3s"),
    Setting(rate=10_000, connections=1_000, duration="3s"),
)


def calibrate(settings: Sequence[Setting], context: RunContext) -> list[Calibration]:
    """Measure the client's own error in each setting. One that cannot be measured here is left out.

    Raises what the context's `check` raises.
    """
    found = []
    for setting in settings:
        context.observer.phase(f"calibrating at {setting.rate:,} req/s", None)
        run = TrialRun(_trial(setting), context, stamped_every=1)
        try:
            run.measure()
        except (TrialFailed, NotPossible):
            continue
        result = run.result("done", None)
        found.append(
            Calibration(
                requests_per_second=setting.rate,
                connections=setting.connections,
                lateness_ns=result.lateness_ns,
                client_ns=result.client_ns,
            )
        )
    return found


def _trial(setting: Setting) -> Trial:
    profile = LoadProfile.model_validate(
        {
            "name": "calibration",
            "target": {"server": _SERVER},
            "load": {
                "connections": setting.connections,
                "rate": setting.rate,
                "warmup": "100ms",
                "duration": setting.duration,
                "workers": 1,
            },
        }
    )
    return Trial("000", 1, {}, profile, _SEED)
