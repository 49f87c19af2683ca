"""The latency histograms of a run: HdrHistogram logs as they are, of one trial, or of all in one log."""

from collections.abc import Iterator

from loadlab.errors import LoadlabError
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

_TAG = "Tag="


def format_latencies(directory: RunDirectory, document: RunDocument) -> str:
    """Return the log of the only trial as it is; those of several in one, with tags such as `004/response`.

    Raises LoadlabError if there is none.
    """
    logs = {trial.id: log for trial in document.trials if (log := directory.read_latency_log(trial.id)) is not None}
    if not logs:
        raise LoadlabError(f"{directory.path} has no latencies: none of its trials was measured under load.")
    if len(document.trials) == 1:
        return next(iter(logs.values()))
    return "".join(_joined(logs))


def _joined(logs: dict[str, str]) -> Iterator[str]:
    """Yield all lines, the comments and the legend at their head once."""
    has_head = False
    for trial_id, log in logs.items():
        for line in log.splitlines(keepends=True):
            if line.startswith(_TAG):
                yield f"{_TAG}{trial_id}/{line.removeprefix(_TAG)}"
            elif not has_head:
                yield line
        has_head = True
