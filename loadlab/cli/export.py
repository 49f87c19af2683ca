"""What `loadlab export` does: read a run, and write it in another program's format."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from loadlab.cli.files import write_file
from loadlab.cli.terminal import write
from loadlab.errors import LoadlabError
from loadlab.export import Format
from loadlab.export.junit import format_junit
from loadlab.export.latencies import format_latencies
from loadlab.export.openmetrics import format_openmetrics
from loadlab.export.rows import format_csv, format_json
from loadlab.profile.suggestions import did_you_mean
from loadlab.results.directory import RunDirectory, read_run
from loadlab.results.run import RunDocument

_FORMATS: Final[Mapping[Format, Callable[[RunDocument], str]]] = MappingProxyType(
    {
        Format.CSV: format_csv,
        Format.JSON: format_json,
        Format.JUNIT: format_junit,
        Format.OPENMETRICS: format_openmetrics,
    }
)


def export(path: Path, form: str, out: Path, trial_id: str | None) -> None:
    """Write the run at `path` to `out`, or standard output for `-`; only one trial of it if that is given.

    Raises LoadlabError if the run cannot be read, has no such trial, or cannot be written.
    """
    wanted = _parse_format(form)
    document = read_run(path)
    if trial_id is not None:
        document = _only(document, trial_id)
    if wanted == Format.HLOG:
        if path.is_file() and path.name not in ("run.json", "index.html"):
            raise LoadlabError(f"{path} is a single file: latencies are in the run directory; name that.")
        text = format_latencies(RunDirectory.open(path), document)
    else:
        text = _FORMATS[wanted](document)
    if str(out) == "-":
        write(text.removesuffix("\n"))
    else:
        # Of a program's output may be left what is no text.
        write_file(out, text.encode("utf-8", "backslashreplace").decode())


def _parse_format(text: str) -> Format:
    try:
        return Format(text)
    except ValueError:
        near = did_you_mean(text, list(Format))
        raise LoadlabError(
            f"--format is {', '.join(list(Format)[:-1])} or {[*Format][-1]}, not {text!r}{near}"
        ) from None


def _only(document: RunDocument, trial_id: str) -> RunDocument:
    trials = [trial for trial in document.trials if trial.id == trial_id]
    if not trials:
        near = did_you_mean(trial_id, [trial.id for trial in document.trials])
        raise LoadlabError(f"the run has no trial {trial_id!r}{near}; `--format csv` lists them.")
    return document.model_copy(update={"trials": trials, "trials_planned": 1, "expectations": []})
