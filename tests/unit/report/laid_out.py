"""A document as the page's sections see it."""

from loadlab.report.sections.section import Run
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument


def run_of(document: RunDocument, directory: RunDirectory | None = None) -> Run:
    """Return the run; its histograms and stacks are those in the directory, or none."""
    if directory is None:
        return Run.of(document, lambda _trial: {}, lambda _trial, _file: {})
    return Run.of(document, directory.read_latencies, directory.read_stacks, directory.read_latency_rounds)
