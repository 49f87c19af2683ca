"""The rules of a profile, applied to its plain data: all mistakes, each with the path where it was made."""

from collections.abc import Collection, Mapping

from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data
from loadlab.profile.schema import LoadProfile, model_of
from loadlab.profile.validation.consistency import consistency_mistakes
from loadlab.profile.validation.expect import expect_mistakes, metric_mistakes
from loadlab.profile.validation.protocols import protocol_mistakes
from loadlab.profile.validation.requests import request_mistakes
from loadlab.profile.validation.rules import plot_mistakes, schema_mistakes, sweep_mistakes
from loadlab.profile.validation.scenarios import has_scenario, scenario_mistakes
from loadlab.profile.validation.servers import ServerSpec, server_mistakes
from loadlab.profile.validation.target import target_mistakes


def find_mistakes(
    data: Data, servers: Mapping[str, ServerSpec] | None, metrics: Collection[str] | None
) -> list[Mistake]:
    """Return every mistake; `servers` and `metrics` are those that exist, or None to leave their names unchecked."""
    try:
        model = model_of(data)
    except ValueError as error:
        return [Mistake(("kind",), str(error))]  # all else depends on it
    mistakes = [
        *schema_mistakes(model, data),
        *sweep_mistakes(model, data),
        *plot_mistakes(model, data),
        *consistency_mistakes(model, data),
        *expect_mistakes(model, data),
    ]
    if model is LoadProfile:
        sent = scenario_mistakes(data) if has_scenario(data) else [*request_mistakes(data), *protocol_mistakes(data)]
        mistakes += [*sent, *target_mistakes(data)]
    if servers is not None and model is LoadProfile:
        mistakes += server_mistakes(data, servers)
    if metrics is not None:
        unknown = [*metric_mistakes(model, data, metrics)]
        # The bound of an unknown metric cannot be read either: its unit follows from the metric.
        places = {mistake.path for mistake in unknown}
        mistakes = [mistake for mistake in mistakes if mistake.path not in places] + unknown
    return mistakes
