"""The metrics that a profile names, in `expect` and `plot.y`, against those that a trial will have."""

from collections.abc import Collection, Iterator

from loadlab.profile.expect_checks import written_rules
from loadlab.profile.expectation import ALIASES, REQUEST_METRICS, FigureExpectation, split_metric
from loadlab.profile.mistakes import Mistake, did_you_mean
from loadlab.profile.paths import Data, Path, value_at
from loadlab.profile.product import request_names
from loadlab.profile.values import describe


def metric_mistakes(data: Data, metrics: Collection[str]) -> Iterator[Mistake]:
    """Yield where a metric is named which is not one of `metrics`; what cannot be read is the schema's.

    In `metrics` those of a single request begin with REQUEST_METRICS; here the requests of the load have their names.
    """
    requests = request_names(data)
    of_all = {metric for metric in metrics if not metric.startswith(REQUEST_METRICS)}
    figures = [metric.removeprefix(REQUEST_METRICS) for metric in metrics if metric not in of_all]
    known = of_all | {f"kinds.{request}.{figure}" for request in requests for figure in figures}
    for path, metric in _named_metrics(data):
        if metric in known:
            continue
        request, _figure = split_metric(metric)
        if request is not None and request not in requests:
            names = f"it has {', '.join(requests)}" if requests else "only load.mix and load.slow_connections make some"
            yield Mistake(path, f"the load has no kind of request called {describe(request)}; {names}")
        else:
            yield Mistake(path, f"no metric is called {describe(metric)}{did_you_mean(metric, known | ALIASES.keys())}")


def _named_metrics(data: Data) -> Iterator[tuple[Path, str]]:
    plotted = value_at(data, ("plot", "y"))
    if isinstance(plotted, str):
        yield ("plot", "y"), plotted
    for written in written_rules(data):
        if isinstance(written.rule.expectation, FigureExpectation):
            yield written.text, written.rule.expectation.metric
